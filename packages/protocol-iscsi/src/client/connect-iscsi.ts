import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { broken, IscsiError } from '../iscsi-error.js'
import { isChapAlgorithm } from '../wire/chap.js'
import { maxSegmentBytes } from '../wire/constants.js'
import { encodeLun } from '../wire/lun.js'
import type { DigestWish, ParameterWishes } from '../wire/parameters.js'
import type { ChapOptions } from './chap-talk.js'
import { checkCommand } from './check-command.js'
import type { IscsiCallOptions, IscsiDevice, IscsiSession } from './iscsi-session.js'
import { type CallBounds, openConnection } from './open-connection.js'
import { type IscsiAddress, iscsiPort } from './portal-address.js'
import { listLuns } from './report-luns.js'
import { createSession, type Session, type SessionLimits } from './session.js'

/** How to reach a portal, and who asks. */
export interface IscsiPortalOptions extends IscsiAddress {
  /** @defaultValue `iqn.2026-01.io.holdfast:` and the name of this host */
  readonly initiatorName?: string
  /** @defaultValue none: the target must want no proof */
  readonly chap?: ChapOptions
  /** @defaultValue none */
  readonly headerDigest?: DigestWish
  /** @defaultValue none */
  readonly dataDigest?: DigestWish
}

/** How to reach a target. */
export interface ConnectIscsiOptions extends IscsiPortalOptions {
  /** Name of the target: `iqn.…`, `eui.…` or `naa.…`. */
  readonly target: string
  /** Most data of a PDU that the target may send. @defaultValue 256 KiB */
  readonly receiveSegmentBytes?: number
  /** Most data to send before the target asks for any. @defaultValue 256 KiB */
  readonly firstBurstBytes?: number
  /** Most data to send at one request of the target. @defaultValue 16 MiB - 512 */
  readonly maxBurstBytes?: number
  /** Commands in flight, where the target's window allows as many. @defaultValue 32 */
  readonly maxCommands?: number
  /** Time for a command without one of its own. @defaultValue 120 000 */
  readonly commandTimeoutMs?: number
  /** How long the target may take to abort a task, before the connection is given up. @defaultValue 5000 */
  readonly abortTimeoutMs?: number
}

/** Default of the time that connecting and logging in may take. */
const usualConnectMs = 30_000
const usualCommandMs = 120_000
const usualAbortMs = 5000
const usualCommands = 32
const maxRedirections = 4
const usualBurstBytes = 2 ** 18
const longestTimeoutMs = 2 ** 31 - 1

/**
 * Opens a session with a target.
 *
 * Abort: rejects with the reason and hangs up.
 *
 * @param call `timeoutMs` is the time for all of it, redirections too; 30 000 by default
 * @throws IscsiError `connect`, `login`, `auth`, `unknown-target`, `protocol`, `digest`, `timeout`, `usage`
 */
export async function connectIscsi(options: ConnectIscsiOptions, call: IscsiCallOptions = {}): Promise<IscsiSession> {
  return await connectAs(options, randomIsid(), call)
}

async function connectAs(
  options: ConnectIscsiOptions,
  isid: Uint8Array,
  call: IscsiCallOptions,
): Promise<IscsiSession> {
  checkName(options.target)
  const { session, address } = await openSession(options, options.target, isid, call)
  const { commandTimeoutMs = usualCommandMs } = options
  const bounds = (one: IscsiCallOptions | undefined): CallBounds => boundsOf(one, commandTimeoutMs)
  const device = (lun: number): IscsiDevice => {
    const address = encodeLun(lun)
    return {
      execute: async (command, one) => {
        checkCommand(command)
        return await session.execute(address, command, bounds(one))
      },
    }
  }
  return {
    targetName: options.target,
    address,
    parameters: session.parameters,
    device,
    reportLuns: async (one) => await listLuns(device(0), one),
    ping: async (one) => await session.ping(bounds(one)),
    resetUnit: async (lun, one) => await session.resetUnit(encodeLun(lun), bounds(one)),
    reconnect: async (one = {}) => {
      await session.close(undefined)
      return await connectAs(options, isid, one)
    },
    closed: session.closed,
    [Symbol.asyncDispose]: async () => await session.close(undefined),
  }
}

/** Connects to a portal, and wherever it sends to. `targetName` is undefined for a session that only asks. */
export async function openSession(
  options: IscsiPortalOptions & Partial<ConnectIscsiOptions>,
  targetName: string | undefined,
  isid: Uint8Array,
  call: IscsiCallOptions,
): Promise<{ readonly session: Session; readonly address: IscsiAddress }> {
  const goal = {
    initiatorName: checkName(options.initiatorName ?? usualInitiatorName()),
    targetName,
    isid,
    chap: checkChap(options.chap),
    wishes: wishesOf(options),
  }
  const limits: SessionLimits = {
    maxCommands: positive(options.maxCommands ?? usualCommands),
    abortTimeoutMs: timeLimit(options.abortTimeoutMs ?? usualAbortMs),
  }
  const { signal, timeoutMs } = boundsOf(call, usualConnectMs)
  const endsAt = performance.now() + timeoutMs
  let address: IscsiAddress = { host: options.host, port: options.port ?? iscsiPort }
  for (let redirections = 0; redirections <= maxRedirections; redirections++) {
    const left = Math.max(1, endsAt - performance.now())
    const opened = await openConnection(address, goal, { signal, timeoutMs: left }, (ready, channel) =>
      createSession(ready, channel, limits),
    )
    if ('execute' in opened) return { session: opened, address }
    address = opened
  }
  throw broken(`The target has sent the initiator to another address more than ${maxRedirections} times.`)
}

/** Makes a name for a session that no other one of this initiator is likely to have. RFC 7143, 11.12.5. */
export function randomIsid(): Uint8Array {
  const isid = new Uint8Array(randomBytes(6))
  isid[0] = 0x80
  return isid
}

/** Completes the options of a call. @throws IscsiError `usage` */
export function boundsOf(call: IscsiCallOptions | undefined, usualMs: number): CallBounds {
  return { signal: call?.signal, timeoutMs: timeLimit(call?.timeoutMs ?? usualMs) }
}

function wishesOf(options: Partial<ConnectIscsiOptions>): ParameterWishes {
  const maxBurstBytes = segment(options.maxBurstBytes ?? 2 ** 24 - 512)
  return {
    headerDigest: options.headerDigest ?? 'none',
    dataDigest: options.dataDigest ?? 'none',
    receiveSegmentBytes: segment(options.receiveSegmentBytes ?? usualBurstBytes),
    firstBurstBytes: Math.min(segment(options.firstBurstBytes ?? usualBurstBytes), maxBurstBytes),
    maxBurstBytes,
    maxOutstandingR2T: 1,
  }
}

function usualInitiatorName(): string {
  return `iqn.2026-01.io.holdfast:${hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')}`
}

/** RFC 7143, 4.2.7.1. */
function checkName(name: string): string {
  if (/^(iqn|eui|naa)\.[a-z0-9.:-]+$/.test(name) && name.length <= 223) return name
  throw new IscsiError('usage', 'This is no iSCSI name.', {
    hint: 'It starts with iqn., eui. or naa., and has small letters, digits, dots, colons and hyphens.',
  })
}

function checkChap(chap: ChapOptions | undefined): ChapOptions | undefined {
  if (chap === undefined) return undefined
  const { mutual, algorithms = ['md5'] } = chap
  const isBad = (text: string) => text.length === 0 || text.length > 255 || text.includes('\0')
  for (const identity of [chap, ...(mutual === undefined ? [] : [mutual])])
    if (isBad(identity.name) || isBad(identity.secret))
      throw new IscsiError('usage', 'A name or a secret of CHAP is empty, too long, or has a zero in it.')
  if (mutual?.secret === chap.secret)
    throw new IscsiError(
      'usage',
      'Initiator and target have the same secret, so that anybody could pose as the target.',
      {
        hint: 'Give them different secrets. RFC 7143, 9.2.1, demands it.',
      },
    )
  if (algorithms.length === 0 || !algorithms.every(isChapAlgorithm))
    throw new IscsiError('usage', 'The digests for CHAP are not among those that there are.')
  return chap
}

function segment(bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= 512 && bytes <= maxSegmentBytes) return bytes
  throw new IscsiError('usage', `A size is not between 512 and ${maxSegmentBytes}.`)
}

function positive(count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new IscsiError('usage', 'An option is no positive number.')
}

function timeLimit(timeMs: number): number {
  if (timeMs > 0 && timeMs <= longestTimeoutMs) return timeMs
  throw new IscsiError('usage', 'A time limit is no number of milliseconds that a timer takes.')
}
