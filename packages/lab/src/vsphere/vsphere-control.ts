/** A disk of a simulated machine. */
export interface VsphereDisk {
  readonly key: number
  /** Its file as the API names it: `[datastore1] vm1/vm1.vmdk`. */
  readonly file: string
  /** The file on this machine that the guest writes to. It has another name while there are snapshots, and is the same inode. */
  readonly live: string
  readonly bytes: number
  readonly changeId: string
}

/** A simulated machine. */
export interface VsphereMachine {
  readonly name: string
  /** Managed object reference, such as `vm-27`. */
  readonly ref: string
  readonly power: 'poweredOn' | 'poweredOff' | 'suspended'
  readonly host: string
  /** Stands for the guest's file system: `pre-freeze-script` and `post-thaw-script` in it are run, and programs of the guest. */
  readonly guestFolder: string
  readonly tracking: boolean
  readonly consolidationNeeded: boolean
  readonly snapshots: number
  readonly disks: readonly VsphereDisk[]
}

/** How many there are, and how many there were at most at once. */
export interface Gauge {
  readonly now: number
  readonly max: number
}

/** What was counted since the start. */
export interface VsphereCounters {
  readonly calls: Readonly<Record<string, number>>
  readonly folderBytes: number
  readonly folderRequests: number
  readonly nfcBytes: number
  readonly quiesced: number
  readonly snapshots: Gauge
  readonly snapshotsByDatastore: Readonly<Record<string, Gauge>>
  readonly snapshotsByHost: Readonly<Record<string, Gauge>>
}

/** One SOAP call. */
export interface VsphereConversation {
  readonly at: string
  readonly method: string
  readonly status: number
  readonly request: string
  readonly response: string
}

/** A fault of the API: its name in the schema, its message, and its properties. */
export interface VsphereFault {
  readonly type: string
  readonly message?: string
  readonly properties?: Readonly<Record<string, unknown>>
}

/** Which calls something happens to. */
export interface VsphereCalls {
  readonly method: string
  /** @defaultValue 1 */
  readonly times?: number
  /** To the task that the call makes, instead of to the call. @defaultValue false */
  readonly inTask?: boolean
}

/** Which answers are spoilt, and how: by a status, or else by ending the body, or holding it up, after some bytes. */
export interface VsphereTransferTrouble {
  readonly kind: 'folder' | 'nfc'
  /** Text in the path. @defaultValue any path */
  readonly path?: string
  /** @defaultValue 1 */
  readonly times?: number
  readonly status?: number
  /** Bytes of the body that still come. @defaultValue 0 */
  readonly after?: number
  /** How long it is held up; it goes on then. @defaultValue it is cut */
  readonly stallMs?: number
}

/** Plays the guest, the operator and the saboteur of a simulated vSphere. A machine is told by its name or its reference. */
export interface VsphereControl {
  readonly machines: () => Promise<readonly VsphereMachine[]>
  readonly machine: (name: string) => Promise<VsphereMachine>
  /** Writes to a disk as the guest does. */
  readonly write: (vm: string, disk: number, offset: number, bytes: Uint8Array) => Promise<void>
  /** Gives a disk the content of a file. */
  readonly fill: (vm: string, disk: number, file: string) => Promise<void>
  readonly setTools: (vm: string, tools: { readonly installed: boolean; readonly running: boolean }) => Promise<void>
  readonly setGuestLogin: (user: string, password: string) => Promise<void>
  readonly setConsolidationNeeded: (vm: string, needed: boolean) => Promise<void>
  /** Makes all change ids unknown that were given for a machine. */
  readonly resetTracking: (vm: string) => Promise<void>
  /** Lets calls fail. `skip` is how many succeed before. */
  readonly failCalls: (calls: VsphereCalls & { readonly skip?: number }, fault: VsphereFault) => Promise<void>
  readonly delayCalls: (calls: VsphereCalls, ms: number) => Promise<void>
  readonly spoilTransfers: (trouble: VsphereTransferTrouble) => Promise<void>
  readonly clearFaults: () => Promise<void>
  /** Most changed areas in an answer; 0 is no limit. */
  readonly limitChangedAreas: (most: number) => Promise<void>
  /** @returns how many there were */
  readonly abortLeases: () => Promise<number>
  /** @returns how many there were */
  readonly expireSessions: () => Promise<number>
  /** Drops connections, sessions and leases, and refuses connections for some time. @defaultValue 0 */
  readonly restart: (downMs?: number) => Promise<void>
  readonly counters: () => Promise<VsphereCounters>
  /** The SOAP calls since it was asked for them last. */
  readonly conversations: () => Promise<readonly VsphereConversation[]>
}

/** Speaks to the control port at an address. */
export function vsphereControl(address: string): VsphereControl {
  async function ask<T>(order: string, body: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const response = await fetch(`${address}/${order}`, { method: 'POST', body: JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${order}: ${text.trim()}`)
    return JSON.parse(text) as T
  }
  const machines = async () => await ask<readonly VsphereMachine[]>('state')
  return {
    machines,
    machine: async (name) => {
      const found = (await machines()).find((vm) => vm.name === name || vm.ref === name)
      if (found === undefined) throw new Error(`There is no machine ${name}`)
      return found
    },
    write: (vm, disk, offset, bytes) =>
      ask('write', {
        vm,
        disk,
        offset,
        hex: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'),
      }),
    fill: (vm, disk, file) => ask('fill', { vm, disk, file }),
    setTools: (vm, tools) => ask('tools', { vm, ...tools }),
    setGuestLogin: (user, password) => ask('guest-login', { user, password }),
    setConsolidationNeeded: (vm, needed) => ask('consolidation', { vm, needed }),
    resetTracking: (vm) => ask('reset-tracking', { vm }),
    failCalls: (calls, fault) => ask('fault', { fault: { ...calls, fault } }),
    delayCalls: (calls, ms) => ask('delay', { delay: { ...calls, ms } }),
    spoilTransfers: (transfer) => ask('transfer', { transfer }),
    clearFaults: () => ask('clear-faults'),
    limitChangedAreas: (most) => ask('limit-areas', { most }),
    abortLeases: () => ask('abort-leases'),
    expireSessions: () => ask('expire'),
    restart: (downMs = 0) => ask('restart', { downMs }),
    counters: () => ask('counters'),
    conversations: () => ask('conversations'),
  }
}
