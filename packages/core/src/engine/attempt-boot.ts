import { describeBootProbe } from '../contract/boot.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { ProvisionedMachine } from '../contract/source.js'
import type { DiskId } from '../model/ids.js'
import { toHex } from '../repository/bytes.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { type BootingSource, disposedInTime, startMachine } from './booting-source.js'
import { type Provision, withRestored } from './restore-point.js'
import { checkContents, type ShownContents } from './shown-contents.js'
import type { VerifyBootOptions } from './verify-boot.js'
import type { WorkerPool } from './worker-pool.js'

/** How an attempt to boot a point ended. */
export interface BootOutcome {
  readonly restoreMs: number
  readonly totalMs: number
  readonly verdict: { readonly bootMs: number; readonly output: string } | { readonly error: unknown }
  /** What went wrong when the machine was thrown away. */
  readonly leftover?: { readonly error: unknown } | undefined
}

/** What says that the point's data is not all there. */
const damages: readonly string[] = ['E_DAMAGED', 'E_OBJECT_NOT_FOUND']
/** What speaks about the point, and not about the place where it was to boot. */
const verdicts: readonly string[] = ['E_BOOT', ...damages]
const maxNameLength = 64

/** Boots a point and throws the machine away. Throws what says nothing about the point. */
export async function attemptBoot(
  repository: Repository,
  point: RecoveryPoint,
  source: BootingSource,
  pool: WorkerPool,
  options: VerifyBootOptions,
): Promise<BootOutcome> {
  const startedAt = performance.now()
  const elapsedMs = () => Math.round(performance.now() - startedAt)
  const name = throwAwayName(options.name ?? point.machine.name, repository)
  let restoreMs: number | undefined
  let found: BootOutcome | undefined
  let shown: ShownContents | undefined
  let thrown: { readonly error: unknown } | undefined
  const boot = async (placed: ProvisionedMachine): Promise<void> => {
    restoreMs = elapsedMs()
    options.onEvent?.({
      type: 'boot-started',
      machine: point.machine.name,
      point: point.id,
      name,
      source: source.plugin.id,
      probe: describeBootProbe(options.probe),
    })
    const begunMs = elapsedMs()
    await using booted = await startMachine(source.plugin.id, placed, options.probe, options)
    const totalMs = elapsedMs()
    const verdict = { bootMs: credibleMs(booted.bootMs, totalMs - begunMs), output: String(booted.evidence) }
    found = { restoreMs, totalMs, verdict }
  }
  try {
    if (options.contents === undefined) {
      const provision = provisionOn(source, name)
      await withRestored(repository, point, provision, pool, options, ({ placed }) => boot(placed))
    } else {
      await using contents = await options.contents(options)
      shown = contents
      checkContents(point, contents)
      await using placed = await provisionOn(source, name, contents.uris)(point.machine, point.disks, options)
      await boot(placed)
    }
  } catch (error) {
    thrown = { error }
  }
  return judged({ found, thrown, unread: shown?.failure(), restoreMs }, elapsedMs(), options)
}

interface Attempt {
  /** Set when the machine came up. */
  readonly found: BootOutcome | undefined
  readonly thrown: { readonly error: unknown } | undefined
  /** What reading the shown disks failed with. */
  readonly unread: unknown
  readonly restoreMs: number | undefined
}

function judged(
  { found, thrown, unread, restoreMs }: Attempt,
  totalMs: number,
  options: VerifyBootOptions,
): BootOutcome {
  if (found === undefined) options.signal.throwIfAborted()
  const { error, leftover } = found === undefined ? unsuppressed(thrown?.error) : { error: undefined, leftover: thrown }
  const failed = (cause: unknown) => ({ restoreMs: restoreMs ?? totalMs, totalMs, verdict: { error: cause }, leftover })
  if (speaks(unread, damages)) return failed(found === undefined ? unread : damagedYetUp(unread))
  if (found !== undefined) return { ...found, leftover }
  // The machine failed for want of its disks, which says nothing about what they hold.
  if (unread !== undefined) {
    if (leftover !== undefined)
      options.onEvent?.({ type: 'step', message: `The machine could not be thrown away: ${leftover.error}` })
    throw unread
  }
  if (speaks(error, verdicts)) return failed(error)
  throw thrown?.error
}

function speaks(error: unknown, codes: readonly string[]): error is BackupError {
  return isBackupError(error) && codes.includes(error.code)
}

/** A guest may come up although it was refused a part of its disks. */
function damagedYetUp(unread: BackupError): BackupError {
  const { context, hint } = unread
  return new BackupError(unread.code, `The machine came up, but not all of it can be read. ${unread.message}`, {
    context,
    ...(hint !== undefined && { hint }),
    cause: unread,
  })
}

/** Provisions a machine with the disks that the point has, and no others. */
function provisionOn(
  { plugin, restore }: BootingSource,
  name: string,
  contents?: ReadonlyMap<DiskId, string>,
): Provision {
  return async (machine, disks, options) => {
    const specs = disks.map(({ id, sizeBytes }) => ({
      ...machine.disks.find((spec) => spec.id === id),
      id,
      sizeBytes,
    }))
    const placement = { name, ...(contents !== undefined && { contents }) }
    const placed = await restore.provision({ ...machine, disks: specs }, placement, options)
    return {
      disks: placed.disks,
      location: placed.location,
      commit: (call) => placed.commit(call),
      ...(placed.boot !== undefined && { boot: placed.boot.bind(placed) }),
      ...disposedInTime(plugin.id, placed),
    }
  }
}

function throwAwayName(name: string, { envelope }: Repository): string {
  return `${[...name].slice(0, maxNameLength).join('')}-verify-${toHex(envelope.randomBytes(4))}`
}

/** What a source says of its own time, unless that cannot be. */
function credibleMs(claimedMs: number, measuredMs: number): number {
  return claimedMs >= 0 && claimedMs <= measuredMs ? Math.round(claimedMs) : measuredMs
}

/** Takes a failure apart from one that came on top of it when the machine was thrown away. */
function unsuppressed(thrown: unknown): { readonly error: unknown; readonly leftover?: BootOutcome['leftover'] } {
  // Node 22 has no SuppressedError of its own, and the build brings one.
  const isSuppressed = thrown instanceof Error && thrown.name === 'SuppressedError'
  if (!isSuppressed || !('suppressed' in thrown) || !('error' in thrown)) return { error: thrown }
  return { error: unsuppressed(thrown.suppressed).error, leftover: { error: thrown.error } }
}
