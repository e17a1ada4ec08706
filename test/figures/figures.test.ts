import test from 'ava'
import { distributionBound } from './bound.ts'
import { drawPlot, sharesOver } from './plot.ts'
import { parseQuantity, rateUnits } from './quantity.ts'
import { percentile, spreadOf } from './spread.ts'

test('with much upstream and narrow uplinks, what all can send together is the bound', (t) => {
  const bound = distributionBound({
    size: 100,
    nodes: 10,
    upstream: 50,
    narrowestDownlink: 100,
    uplinks: 10 * 5,
  })
  t.is(bound, 10)
})

test('a percentile is a value that was measured', (t) => {
  const values = [5, 1, 4, 2, 3]
  t.is(percentile(values, 0.5), 3)
  t.is(percentile(values, 0.99), 5)
  t.throws(() => percentile([], 0.5), { instanceOf: RangeError })
})

test('a spread has the median and the ends', (t) => {
  t.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
})

test('a rate is read with its unit, and refused without', (t) => {
  t.is(parseQuantity('link', '200mbit', rateUnits), 25e6)
  t.throws(() => parseQuantity('link', '200', rateUnits), { message: /--link 200: expected/ })
})

test('a plot has every series by name, with markup in names escaped', (t) => {
  const points = sharesOver([2, 1])
  t.deepEqual(points, [
    [0, 0],
    [1, 0.5],
    [2, 1],
  ])
  const svg = drawPlot({
    title: 'plot',
    xLabel: 'x',
    yLabel: 'y',
    series: [{ name: 'a<b', points }],
    steps: true,
  })
  t.true(svg.includes('a&#60;b'))
  t.false(svg.includes('NaN'))
})
