import test from 'ava'
import { nearest } from '../dist/config/nearest.js'

const words = ['--data-dir', '--log-level', '--bootstrap']

test('a word with a slip finds the one that was meant', (t) => {
  t.is(nearest('--bootstap', words), '--bootstrap')
})

test('case does not matter', (t) => {
  t.is(nearest('--Log-Level', words), '--log-level')
})

test('a word that resembles none finds none', (t) => {
  t.is(nearest('--image', words), undefined)
})

test('a word of absurd length finds none', (t) => {
  t.is(nearest('--data-dir'.repeat(1_000), words), undefined)
})
