/**
 * Whether an image is one that a pattern of kubelet's `matchImages` means: the same number of labels in the host, each
 * with `*` for any run of characters; the same port, if any; and the pattern's path a beginning of the image's.
 */
export function matchesImage(pattern: string, image: string): boolean {
  const wanted = split(pattern)
  const given = split(image)
  if (wanted.labels.length !== given.labels.length || wanted.port !== given.port) return false
  const hostFits = wanted.labels.every((label, index) => globOf(label).test(given.labels[index] ?? ''))
  return hostFits && given.path.startsWith(wanted.path)
}

function split(text: string): { labels: string[]; port: string; path: string } {
  const bare = text.replace(/^https?:\/\//, '')
  const slash = bare.indexOf('/')
  const [host = '', port = ''] = (slash < 0 ? bare : bare.slice(0, slash)).split(':')
  return { labels: host.split('.'), port, path: slash < 0 ? '' : bare.slice(slash) }
}

function globOf(label: string): RegExp {
  return new RegExp(`^${label.replaceAll(/[^*\w]/g, '\\$&').replaceAll('*', '.*')}$`)
}
