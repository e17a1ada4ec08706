import { scaleLinear } from 'd3-scale'

/** A line of a plot; its points are in order of x. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface PlotInit {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
  /** A dashed upright line at this x. */
  readonly marker?: number
  /** Lines rise at each point instead of running straight to it. */
  readonly steps?: boolean
}

const width = 720
const height = 360
const margin = { top: 36, right: 140, bottom: 48, left: 64 }
/** Of Okabe and Ito, for those who see few colours too. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']

/** Draws lines over two linear axes that begin at 0, as SVG. */
export function drawPlot({ title, xLabel, yLabel, series, marker, steps = false }: PlotInit): string {
  const points = series.flatMap((line) => line.points)
  const most = (axis: 0 | 1, least: number) => Math.max(least, ...points.map((point) => point[axis]))
  const x = scaleLinear([0, most(0, marker ?? 0)], [margin.left, width - margin.right]).nice()
  const y = scaleLinear([0, most(1, 0)], [height - margin.bottom, margin.top]).nice()
  const path = (line: Series) =>
    line.points
      .map(([px, py], place) => {
        const to = `${x(px).toFixed(1)},${y(py).toFixed(1)}`
        if (place === 0) return `M${to}`
        return steps ? `H${x(px).toFixed(1)} L${to}` : `L${to}`
      })
      .join(' ')
  const parts = [
    text(width / 2, 20, title, 'middle'),
    text((margin.left + width - margin.right) / 2, height - 8, xLabel, 'middle'),
    `<text transform="translate(16,${height / 2}) rotate(-90)" text-anchor="middle" font-size="12">${escaped(yLabel)}</text>`,
    `<path d="M${margin.left},${margin.top} V${height - margin.bottom} H${width - margin.right}" fill="none" stroke="black"/>`,
    ...x.ticks(6).map((tick) => text(x(tick), height - margin.bottom + 18, String(tick), 'middle')),
    ...y.ticks(5).map((tick) => text(margin.left - 8, y(tick) + 4, String(tick), 'end')),
    ...series.flatMap((line, place) => {
      const colour = colours[place % colours.length]
      return [
        `<path d="${path(line)}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        `<text x="${width - margin.right + 12}" y="${margin.top + 16 * place}" fill="${colour}" font-size="12">${escaped(line.name)}</text>`,
      ]
    }),
  ]
  if (marker !== undefined) {
    parts.push(
      `<path d="M${x(marker).toFixed(1)},${margin.top} V${height - margin.bottom}" stroke="grey" stroke-dasharray="6 4"/>`,
    )
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="white"/>
${parts.join('\n')}
</svg>
`
}

/** What share of the values has come at each of them: the points of a step line that begins at nothing. */
export function sharesOver(values: readonly number[]): [number, number][] {
  const sorted = values.toSorted((a, b) => a - b)
  return [[0, 0], ...sorted.map((value, place): [number, number] => [value, (place + 1) / sorted.length])]
}

function text(x: number, y: number, content: string, anchor: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="12">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replace(/[&<>]/g, (character) => `&#${character.codePointAt(0)};`)
}
