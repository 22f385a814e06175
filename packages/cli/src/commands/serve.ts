import { join, resolve } from 'node:path'
import { type DiskId, parseSizeBytes } from '@holdfast/core'
import { uriOfTarget } from '@holdfast/protocol-nbd'
import type { Invocation, Outcome } from '../invocation.js'
import { type Output, usageError } from '../output.js'
import { printable } from '../render/printable.js'
import { counted, formatBytes } from '../render/units.js'
import { complaints } from '../serving/complaints.js'
import { type ListeningOptions, listening } from '../serving/listening.js'
import { readyLines } from '../serving/ready-lines.js'
import { type ServedPoint, servePoint } from '../serving/serve-point.js'
import type { OverlayFolder } from '../serving/served-disks.js'
import type { ServerHooks } from '../serving/start-server.js'
import { openWorkingSession } from '../session.js'
import { findPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** What to serve, where and how. */
export interface ServeOptions extends ListeningOptions {
  readonly target?: string
  readonly disk?: readonly string[]
  readonly overlay?: string
  readonly readOnly?: boolean
  readonly cache?: string
}

const listenHint = 'Choose another address with --listen, or mend the certificate.'

/** Shows the disks of a recovery point to NBD clients until the program is stopped; the repository stays as it is. */
export async function serve(invocation: Invocation, wanted: string, options: ServeOptions): Promise<Outcome> {
  const { output, signal, cwd } = invocation
  if (options.readOnly === true && options.overlay !== undefined)
    throw usageError('What is read-only takes no overlay.', 'Leave out --overlay or --read-only.')
  const cacheBytes = sizeOf(options.cache)
  await using session = await openWorkingSession(invocation)
  const { tempDir } = session.host
  const place = await listening(options, tempDir, cwd)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  const { target, repository, entry } = findPoint(stored, wanted, session)
  for (const { error } of stored.unreachable) output.error(error)
  const { point } = entry
  const machine = point.machine.name
  const overlays: OverlayFolder | undefined =
    options.readOnly === true
      ? undefined
      : options.overlay === undefined
        ? { path: join(tempDir, 'overlay'), keptFor: undefined }
        : { path: resolve(cwd, options.overlay), keptFor: point.id }
  let clients = 0
  const onConnection: ServerHooks['onConnection'] = ({ address }, { name }) => {
    clients++
    output.event({ type: 'client-connected', disk: name, ...(address !== undefined && { address }) })
  }
  await using served = await servePoint(
    { repository, point, pool: session.pool },
    {
      signal,
      place,
      overlays,
      hooks: { onConnection, onError: complaints(output), listenHint },
      ...(options.disk !== undefined && { disks: options.disk.map(asDiskId) }),
      ...(cacheBytes !== undefined && { cacheBytes }),
    },
  )
  try {
    const count = counted(served.exports.length, 'disk')
    output.line(printable(`${machine}: serving ${count} of ${point.id} from ${target}, until Ctrl-C`))
    for (const { id, reason } of point.unavailable) output.warning(`${id} is not in this point: ${reason}`)
    tellReady(served, place.tls !== undefined, output)
    output.line(printable(fateOfWrites(overlays)))
    await aborted(signal)
  } finally {
    await served.stop()
  }
  tellEnd(served, clients, target, output)
  const { fetchedFrames, fetchedBytes } = served.fetched()
  const result = { point: point.id, machine, target, clients, disks: served.facts, fetchedFrames, fetchedBytes }
  return { exitCode: 0, result }
}

function tellReady({ address, exports }: ServedPoint, isTls: boolean, output: Output): void {
  const ready = exports.map(({ name }) => ({ address, exportName: name, isTls }))
  for (const { name, sizeBytes, write } of exports) {
    const uri = uriOfTarget({ address, exportName: name, isTls })
    output.event({ type: 'export-ready', disk: name, sizeBytes, readOnly: write === undefined, uri })
    output.line(printable(`  ${name}: ${formatBytes(sizeBytes)}, ${uri}`))
  }
  output.line('Use it with:')
  for (const line of readyLines(ready)) output.line(printable(`  ${line}`))
}

function tellEnd({ facts, fetched }: ServedPoint, clients: number, target: string, output: Output): void {
  const amount = formatBytes(fetched().fetchedBytes)
  output.line(printable(`Stopped. ${counted(clients, 'client')}, ${amount} fetched from ${target}`))
  for (const { disk, readBytes, writtenBytes } of facts)
    output.line(printable(`  ${disk}: ${formatBytes(readBytes)} read, ${formatBytes(writtenBytes)} written`))
}

function fateOfWrites(overlays: OverlayFolder | undefined): string {
  if (overlays === undefined) return 'Nothing can be written.'
  const fate = overlays.keptFor === undefined ? 'thrown away at the end' : `kept in ${overlays.path}`
  return `What clients write is ${fate}; the backup stays as it is.`
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    return parseSizeBytes(text)
  } catch {
    throw usageError(`'${text}' is no size.`, 'Write the cache as 256MiB or 1GiB.')
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    signal.addEventListener('abort', () => done(), { once: true })
  })
}

/** The engine compares ids with those of the point and refuses others. */
function asDiskId(text: string): DiskId {
  return text as DiskId
}
