import type {
  Activation,
  Diagnosis,
  InstallPlan,
  InstallReport,
  RuntimePlan,
  UninstallReport,
} from '@shoal/runtimes'

/** A finding and its remedy, in one line. */
export function findingLine({ level, runtime, code, what, remedy }: Diagnosis): string {
  const subject = runtime === undefined ? '' : `${runtime}: `
  return `${level} ${code}: ${subject}${what}; ${remedy}`
}

/** A plan for people: what would be done to each runtime, and why. */
export function planLines({ runtimes, unseen }: InstallPlan): string[] {
  const lines = runtimes.flatMap(runtimeLines)
  if (runtimes.length === 0) lines.push('no container runtime that runs was found')
  return [...lines, ...unseen.map(({ what, why }) => `not looked at: ${what} (${why})`)]
}

function runtimeLines({ runtime, version, changes, activations, findings }: RuntimePlan): string[] {
  const isBlocked = findings.some(({ level }) => level === 'blocked')
  const steps = isBlocked ? [] : [...changes.map(changeLine), ...activations.map(activationLine)]
  const nothing = !isBlocked && steps.length === 0 ? ['  nothing to change'] : []
  return [
    `${runtime}${version === undefined ? '' : ` ${version}`}`,
    ...steps,
    ...nothing,
    ...findings.map((finding) => `  ${findingLine(finding)}`),
  ]
}

function changeLine(change: RuntimePlan['changes'][number]): string {
  const verb = change.kind === 'write-file' ? 'write' : 'link'
  const target = change.kind === 'write-file' ? '' : ` -> ${change.target}`
  return `  ${verb} ${change.path}${target} (${change.reason})`
}

function activationLine(activation: Activation): string {
  if (activation.kind === 'restart') return `  restart ${activation.unit}`
  const program = activation.kind === 'reload' ? activation.program : 'dockerd'
  return `  send SIGHUP to ${program} (pid ${activation.pid})`
}

/** What an install did. */
export function reportLines({ changed, canaries, rolledBack }: InstallReport): string[] {
  const lines = canaries.map(({ runtime, registry, seen, error }) => {
    const trouble = error === undefined ? '' : ` (the pull failed: ${error})`
    return `${runtime}: a test pull from ${registry} ${seen ? 'came by' : 'did not come by'} the shim${trouble}`
  })
  if (rolledBack !== undefined)
    return [...lines, `rolled back: ${rolledBack.why}`, ...undoneLines(rolledBack.report)]
  return [
    ...lines,
    changed.length === 0 ? 'nothing had to be changed' : `installed: ${changed.length} files changed`,
  ]
}

/** What an uninstall did. */
export function undoneLines({ installed, paths, warnings }: UninstallReport): string[] {
  if (!installed) return ['nothing is installed on this host']
  const lines = paths.map(({ path, outcome }) => `${outcome} ${path}`)
  return [...lines, ...warnings.map((warning) => `warning: ${warning}`)]
}
