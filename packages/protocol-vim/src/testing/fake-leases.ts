import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerAddress } from '../client/http-channel.js'
import { integerAt } from '../wire/members.js'
import type { MoRef } from '../wire/vim-value.js'
import { type FakeFault, fakeFault, localizedFault } from './fake-fault.js'
import type { FakeObjects } from './fake-objects.js'
import type { FakeMethods } from './property-collector.js'

/** What a lease is of. */
export interface LeaseOffer {
  /** Contents by key, such as `/vm-27/VirtualLsiLogicController0:0`; empty ones where they are to be written. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** @defaultValue 300 */
  readonly timeoutSeconds?: number
  /** What the server cannot give it for. */
  readonly fails?: FakeFault
}

/** A lease, as its server sees it. */
export interface FakeLease {
  readonly ref: MoRef
  readonly files: Map<string, Uint8Array>
  /** Percentages that were told. */
  readonly told: readonly number[]
  readonly state: () => 'open' | 'done' | 'aborted'
  /** Ends it, as an operator or a time-out does. */
  readonly abort: () => void
}

interface HeldLease extends FakeLease {
  readonly told: number[]
  readonly end: (how: 'done' | 'aborted') => void
}

/** Leases of a fake (vSphere Web Services API, `HttpNfcLease`), and the files behind them. */
export function fakeLeases(objects: FakeObjects, address: () => ServerAddress) {
  const leases = new Map<string, HeldLease>()
  const contents = new Map<string, { readonly lease: FakeLease; readonly key: string }>()

  const offer = ({ files, timeoutSeconds = 300, fails }: LeaseOffer): FakeLease => {
    const ref = objects.add('HttpNfcLease', 'session[fake]lease')
    let state: ReturnType<FakeLease['state']> = 'open'
    const told: number[] = []
    const end: HeldLease['end'] = (how) => {
      state = how
      objects.remove(ref)
    }
    const lease = { ref, files: new Map(files), told, state: () => state, abort: () => end('aborted'), end }
    leases.set(ref.value, lease)
    const { port, tls } = address()
    const deviceUrl = [...files.keys()].map((key, at) => {
      const path = `/nfc/${encodeURIComponent(ref.value)}/disk-${at}.vmdk`
      contents.set(path, { lease, key })
      return {
        key,
        importKey: key,
        url: `${tls === false ? 'http' : 'https'}://*:${port}${path}`,
        disk: true,
        targetId: `disk-${at}.vmdk`,
      }
    })
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0)
    const info = {
      _typeName: 'HttpNfcLeaseInfo',
      lease: ref,
      totalDiskCapacityInKB: Math.ceil(bytes / 1024),
      leaseTimeout: timeoutSeconds,
      deviceUrl,
    }
    if (fails === undefined) {
      objects.set(ref, 'info', info)
      objects.set(ref, 'state', 'ready')
    } else {
      objects.set(ref, 'error', localizedFault(fails))
      objects.set(ref, 'state', 'error')
    }
    return lease
  }

  const find = ({ value }: MoRef): HeldLease => {
    const lease = leases.get(value)
    if (lease === undefined || lease.state() !== 'open') throw fakeFault('ManagedObjectNotFound', 'The lease is gone.')
    return lease
  }
  const methods: FakeMethods = {
    HttpNfcLeaseProgress: ({ self, args }) => {
      find(self).told.push(integerAt(args, 'percent') ?? -1)
      return undefined
    },
    HttpNfcLeaseComplete: ({ self }) => {
      find(self).end('done')
      return undefined
    },
    HttpNfcLeaseAbort: ({ self }) => {
      find(self).end('aborted')
      return undefined
    },
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const found = contents.get(request.url ?? '')
    if (found === undefined) return false
    const { lease, key } = found
    if (lease.state() !== 'open') {
      response.writeHead(404).end()
      return true
    }
    if (request.method === 'GET') {
      // In pieces and without a size, as real ones are.
      response.writeHead(200, { 'content-type': 'application/x-vnd.vmware-streamVmdk' })
      response.end(lease.files.get(key))
      return true
    }
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    lease.files.set(key, Buffer.concat(parts))
    response.writeHead(200).end()
    return true
  }
  return { offer, methods, answer }
}
