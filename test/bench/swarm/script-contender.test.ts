import { fileURLToPath } from 'node:url'
import test from 'ava'
import { scriptContender } from './script-contender.ts'

test('a peer without a program is refused', (t) => {
  for (const option of ['name', 'name=', '=program', 'Na me=program']) {
    t.throws(() => scriptContender(option), { message: /expected <name>=<program>/ })
  }
})

test('a peer has the name that it was given', (t) => {
  t.is(scriptContender(`mine=${fileURLToPath(new URL('./example-peer.sh', import.meta.url))}`).name, 'mine')
})
