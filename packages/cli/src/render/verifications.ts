import { describeBootProbe } from '@holdfast/core'
import type { BootEvidence, Verification } from '@holdfast/core/repository'
import { formatDuration, formatTime } from './units.js'

/** What a list says of the newest boot of a point; nothing when it was never booted. */
export function bootWord(verifications: readonly Verification[]): readonly string[] {
  const newest = verifications.filter(isBoot).at(-1)
  if (newest === undefined) return []
  return [newest.passed ? `boot ok ${formatDuration(newest.bootMs)}` : 'boot failed']
}

/** How the machine that was booted got its disks. */
export function disksWord({ disks, restoreMs }: BootEvidence): string {
  return disks === 'restored' ? `disks restored ${formatDuration(restoreMs)}` : 'disks read through an overlay'
}

/** All that a verification says, as names and values. */
export function verificationDetails(verification: Verification): readonly (readonly [string, string])[] {
  const { at, evidence } = verification
  if (!isBoot(verification)) return [['verified', `${formatTime(at)}: data, ${evidence}`]]
  const { by, source, probe, totalMs, passed } = verification
  const who = `${by.user}@${by.host}, holdfast ${by.version}`
  const head = `${formatTime(at)}: ${passed ? 'ok' : 'failed'} on ${source}, by ${who}`
  const before = disksWord(verification)
  const times = passed ? [before, `boot ${formatDuration(verification.bootMs)}`] : [before]
  return [
    ['boot', head],
    ['', `${describeBootProbe(probe)}, up to ${formatDuration(probe.timeoutMs)}`],
    ['', `${formatDuration(totalMs)} in all: ${times.join(', ')}`],
    ...(passed
      ? [...linesOf(verification.output), `all it saw has SHA-256 ${verification.outputSha256}`]
      : linesOf(`${verification.error.code}: ${verification.error.message}`)
    ).map((line): readonly [string, string] => ['', line]),
  ]
}

function isBoot(verification: Verification): verification is BootEvidence {
  return verification.level === 'boot'
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').map((line) => `| ${line}`)
}
