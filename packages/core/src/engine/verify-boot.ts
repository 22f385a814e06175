import { type BootProbe, checkBootProbe, describeBootProbe } from '../contract/boot.js'
import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import type { PointEntry } from '../repository/point-store.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import {
  type BootAttempt,
  type BootEvidence,
  type BootFailed,
  type BootPassed,
  boundedError,
  boundedOutput,
  boundedWitness,
  manifestSha256,
  type Witness,
} from '../repository/verification.js'
import { attemptBoot, type BootOutcome } from './attempt-boot.js'
import { type BootingSource, cannotBoot } from './booting-source.js'
import type { OnEvent } from './events.js'
import { noteVerification } from './note-verification.js'
import type { ShowContents } from './shown-contents.js'
import type { WorkerPool } from './worker-pool.js'

/** How to boot a point. */
export interface VerifyBootOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** What shows that the machine is up. */
  readonly probe: BootProbe
  /** Who asks, for the record. */
  readonly by: Witness
  /** Start of the name of the machine that is booted and thrown away: `<name>-verify-<short id>`. @defaultValue the machine's name */
  readonly name?: string
  /** Shows the point's disks to the source, which reads what the machine asks for. @defaultValue the disks are restored */
  readonly contents?: ShowContents
}

/** What came of booting a point. */
export interface VerifyBootReport {
  readonly evidence: BootEvidence
  /** Where the evidence is stored; absent where the target takes no writes. */
  readonly note?: ObjectKey
}

/**
 * Proves that a recovery point boots: provisions a machine with its disks on a source, starts it without network, waits for
 * the probe, throws it away, and stores the evidence beside the point.
 *
 * Guarantee: a point that does not boot, or cannot be restored, is no error but evidence too. Whatever else fails (the place,
 * an abort) says nothing about the point: it is thrown, and nothing is stored. Nothing of the machine stays; when a source
 * cannot remove it, that is thrown after the evidence is stored. Over shown disks, damage that was read is a failure whatever
 * the machine made of it.
 * Abort: rejects when the machine is gone.
 * @throws BackupError `E_UNSUPPORTED`, `E_CONFIG` and `E_USAGE` before anything is begun; `E_PLACEMENT`, `E_SOURCE_*`,
 * `E_TARGET_*`, and `E_TIMEOUT` when the source does not answer at all
 */
export async function verifyBoot(
  repository: Repository,
  entry: PointEntry,
  source: BootingSource,
  pool: WorkerPool,
  options: VerifyBootOptions,
): Promise<VerifyBootReport> {
  checkRequest(source, options)
  const at = repository.clock.now().toISOString()
  const outcome = await attemptBoot(repository, entry.point, source, pool, options)
  const evidence = evidenceOf(entry.point, source, at, outcome, options)
  const note = await noteVerification(repository, entry, evidence, options)
  const { machine, id } = entry.point
  options.onEvent?.({
    type: 'boot-finished',
    machine: machine.name,
    point: id,
    passed: evidence.passed,
    restoreMs: evidence.restoreMs,
    totalMs: evidence.totalMs,
    ...(evidence.passed ? { bootMs: evidence.bootMs } : { code: evidence.error.code }),
  })
  if (outcome.leftover !== undefined) throw outcome.leftover.error
  return { evidence, ...(note !== undefined && { note }) }
}

function checkRequest({ plugin }: BootingSource, { probe, contents }: VerifyBootOptions): void {
  checkBootProbe(probe)
  if (!plugin.capabilities.boot) throw cannotBoot(plugin.id)
  if (contents !== undefined && !plugin.capabilities.overlays) {
    throw new BackupError('E_UNSUPPORTED', `Source '${plugin.id}' puts no disks over exports.`, {
      plugin: plugin.id,
      hint: 'Let the disks be restored first.',
    })
  }
}

function evidenceOf(
  point: RecoveryPoint,
  source: BootingSource,
  at: string,
  { restoreMs, totalMs, verdict }: BootOutcome,
  { by, probe, contents }: VerifyBootOptions,
): BootEvidence {
  const about: Omit<BootAttempt, 'evidence'> = {
    format: 1,
    level: 'boot',
    at,
    point: point.id,
    manifestSha256: manifestSha256(point),
    by: boundedWitness(by),
    source: source.plugin.id,
    probe,
    disks: contents === undefined ? 'restored' : 'overlay',
    restoreMs,
    totalMs,
  }
  const after = `${describeBootProbe(probe)}, after ${(totalMs / 1000).toFixed(1)} s`
  if ('error' in verdict) {
    const error = boundedError(describedError(verdict.error))
    const failed: BootFailed = { ...about, evidence: `did not boot: ${error.code}, ${after}`, passed: false, error }
    return failed
  }
  const { bootMs, output } = verdict
  const passed: BootPassed = { ...about, evidence: `booted: ${after}`, passed: true, bootMs, ...boundedOutput(output) }
  return passed
}

function describedError(error: unknown): BootFailed['error'] {
  return isBackupError(error) ? error : { code: 'E_PLUGIN_UNEXPECTED', message: String(error) }
}
