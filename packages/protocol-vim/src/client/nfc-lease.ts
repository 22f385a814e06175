import { VimError } from '../vim-error.js'
import { readLocalizedFault } from '../wire/envelope.js'
import { flagAt, integerAt, membersOf, present, textAt } from '../wire/members.js'
import type { MoRef } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'
import type { CallOptions } from './call-options.js'
import { httpChannel, type ServerAddress } from './http-channel.js'
import { watchObject } from './properties.js'
import type { VimTls } from './server-tls.js'
import type { VimSession } from './vim-session.js'

/** A disk or another file that a lease gives access to (`HttpNfcLeaseDeviceUrl`). */
export interface LeaseFile {
  /** Key of the device, such as `/vm-27/VirtualLsiLogicController0:0`. */
  readonly key: string
  /** Of an import: key that the description gave the device. */
  readonly importKey: string | undefined
  readonly url: string
  /** SHA-1 of the certificate of the host that has it. */
  readonly thumbprint: string | undefined
  readonly isDisk: boolean
  readonly targetId: string | undefined
}

/** The right to read or write a machine's disks, for as long as progress is told (vSphere Web Services API, `HttpNfcLease`). */
export interface NfcLease extends AsyncDisposable {
  readonly files: readonly LeaseFile[]
  readonly capacityBytes: number
  /** Tells how far it is, from 0 to 100; the lease is kept up with what was told last. */
  readonly progress: (percent: number) => void
  /** Reads a file from its start; it has neither spans nor a size. @throws VimError `lease`, what transfers throw */
  readonly read: (file: LeaseFile, options?: CallOptions) => AsyncGenerator<Uint8Array>
  /** Writes a file whole. @throws VimError `lease`, what transfers throw */
  readonly write: (file: LeaseFile, content: AsyncIterable<Uint8Array>, options?: CallOptions) => Promise<void>
  /** Ends it as done. Disposing it without that aborts it: what was imported is removed. @throws VimError what calls throw */
  readonly complete: (options?: CallOptions) => Promise<void>
}

/**
 * Waits until a lease is ready, and keeps it up.
 *
 * @throws VimError `lease` when the server cannot give it, and what calls throw
 */
export async function openLease(session: VimSession, ref: MoRef, options: CallOptions = {}): Promise<NfcLease> {
  const info = await readyLease(session, ref, options)
  const files = membersOf(info, 'deviceUrl').map((each) => readLeaseFile(each, session.address.host))
  const leaseMs = (integerAt(info, 'leaseTimeout') ?? 300) * 1000
  let percent = 0
  let ended: VimError | undefined
  let isOver = false
  const broken = new AbortController()
  const tell = async () => {
    try {
      await session.call(ref, 'HttpNfcLeaseProgress', { percent: Math.floor(percent) }, { isRepeatable: true })
    } catch (cause) {
      if (isOver) return
      ended = new VimError('lease', 'The lease ended before the transfer was done.', { cause })
      broken.abort(ended)
    }
  }
  const timer = setInterval(() => void tell(), Math.max(leaseMs / 4, 10))
  timer.unref()

  const transfer = async (file: LeaseFile, body: AsyncIterable<Uint8Array> | undefined, call: CallOptions) => {
    if (ended !== undefined) throw ended
    const url = new URL(file.url)
    const channel = httpChannel(addressOf(url, file, session.address), 1)
    const signal = AbortSignal.any([broken.signal, ...(call.signal === undefined ? [] : [call.signal])])
    const request =
      body === undefined
        ? ({ method: 'GET' } as const)
        : ({ method: 'POST', body, headers: { 'content-type': 'application/x-vnd.vmware-streamVmdk' } } as const)
    try {
      const answer = await channel.send({ ...request, path: `${url.pathname}${url.search}` }, { ...call, signal })
      if (answer.status < 200 || answer.status > 299) {
        answer[Symbol.dispose]()
        throw new VimError('http', `The lease's ${file.key} was answered with HTTP status ${answer.status}.`, {
          status: answer.status,
        })
      }
      return { answer, close: () => channel[Symbol.dispose]() }
    } catch (error) {
      channel[Symbol.dispose]()
      throw ended ?? error
    }
  }

  return {
    files,
    capacityBytes: (integerAt(info, 'totalDiskCapacityInKB') ?? 0) * 1024,
    progress: (value) => {
      percent = Math.min(Math.max(value, 0), 100)
    },
    read: async function* (file, call = {}) {
      const { answer, close } = await transfer(file, undefined, call)
      try {
        yield* answer.body
      } catch (error) {
        throw ended ?? error
      } finally {
        close()
      }
    },
    write: async (file, content, call = {}) => {
      const { answer, close } = await transfer(file, content, call)
      answer[Symbol.dispose]()
      close()
    },
    complete: async (call) => {
      if (ended !== undefined) throw ended
      clearInterval(timer)
      percent = 100
      await tell()
      if (ended !== undefined) throw ended
      isOver = true
      await session.call(ref, 'HttpNfcLeaseComplete', {}, call)
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      if (isOver) return
      isOver = true
      // One that has ended needs no more.
      await session.call(ref, 'HttpNfcLeaseAbort', {}, { timeoutMs: 30_000 }).catch(() => undefined)
    },
  }
}

async function readyLease(session: VimSession, ref: MoRef, options: CallOptions): Promise<XmlElement> {
  for await (const lease of watchObject(session, ref, ['state', 'info', 'error'], options)) {
    const state = lease.get('state')?.text
    if (state === 'ready') return present(lease.get('info'), 'what the lease is of')
    if (state !== 'error') continue
    const error = lease.get('error')
    const { name, message } = error === undefined ? { name: '', message: '' } : readLocalizedFault(error)
    throw new VimError('lease', `The server gave no lease: ${message} (${name})`, { fault: name })
  }
  throw new VimError('protocol', 'The server tells no more of the lease.')
}

function readLeaseFile(each: XmlElement, host: string): LeaseFile {
  return {
    key: present(textAt(each, 'key'), 'the key of a file'),
    importKey: textAt(each, 'importKey'),
    // A bare host does not know by which name it is reached.
    url: present(textAt(each, 'url'), 'the address of a file').replace('://*', `://${host}`),
    thumbprint: textAt(each, 'sslThumbprint'),
    isDisk: flagAt(each, 'disk') ?? false,
    targetId: textAt(each, 'targetId'),
  }
}

/** A host that a vCenter names is trusted by the thumbprint that the vCenter tells of it. */
function addressOf(url: URL, { thumbprint }: LeaseFile, own: ServerAddress): ServerAddress {
  const port = url.port === '' ? undefined : Number(url.port)
  if (url.protocol === 'http:') {
    if (own.tls !== false) throw new VimError('certificate', 'The lease is of an address without TLS.')
    return { host: url.hostname, port, tls: false }
  }
  const pinned: VimTls | undefined = thumbprint === undefined || thumbprint === '' ? undefined : { thumbprint }
  return { host: url.hostname, port, tls: pinned ?? (own.tls === false ? undefined : own.tls) }
}
