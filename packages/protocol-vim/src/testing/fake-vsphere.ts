import { setTimeout as sleep } from 'node:timers/promises'
import { versionsPath } from '../client/api-version.js'
import type { ServerAddress } from '../client/http-channel.js'
import { textAt } from '../wire/members.js'
import { type MoRef, moRef, type VimValue } from '../wire/vim-value.js'
import { type FakeFault, fakeFault, localizedFault } from './fake-fault.js'
import { answerFolder, type FakeFiles } from './fake-files.js'
import { type FakeLease, fakeLeases, type LeaseOffer } from './fake-leases.js'
import { type FakeMachine, type FakeMachineOptions, fakeMachines } from './fake-machines.js'
import { type FakeObjects, fakeObjects } from './fake-objects.js'
import { type FakeMethods, propertyCollectorMethods } from './property-collector.js'
import { type FakeCall, type FakeServerOptions, startFakeServer } from './soap-server.js'

/** How a fake behaves. */
export interface FakeVsphereOptions extends Partial<Pick<FakeServerOptions, 'tls' | 'onRequest'>> {
  /** @defaultValue vcenter */
  readonly kind?: 'vcenter' | 'esxi'
  /** @defaultValue 8.0.2.0 */
  readonly apiVersion?: string
  /** False for a server that does not say which versions it speaks. @defaultValue true */
  readonly tellsVersions?: boolean
  /** @defaultValue user and pass */
  readonly login?: { readonly user: string; readonly password: string }
  /** Methods that it knows beside its own, or instead of them. */
  readonly methods?: FakeMethods
  /** Files of its datastores. */
  readonly files?: FakeFiles
}

/** A vCenter or a host with an inventory in memory, on a free port of this machine. */
export interface FakeVsphere extends AsyncDisposable {
  readonly address: ServerAddress
  readonly objects: FakeObjects
  /** Names of the methods that were called, in order. */
  readonly calls: readonly string[]
  /** Files of its datastores. */
  readonly files: FakeFiles
  /** Makes a machine with disks that hold zeros. */
  readonly addMachine: (options: FakeMachineOptions) => FakeMachine
  /** Sessions that are logged in. */
  readonly sessions: () => number
  /** Ends all sessions, as an idle server does. */
  readonly expireSessions: () => void
  /** Hangs up on everybody. */
  readonly cut: () => void
  /** Lets the next calls of a method fail. */
  readonly failNext: (method: string, fault: FakeFault, times?: number) => void
  /** Makes a lease of files that are read, or written under the keys of an import; what is written is in `files` then. */
  readonly offerLease: (offer: LeaseOffer) => FakeLease
  /** Starts a task that does the work, and returns its reference at once. */
  readonly startTask: (work: () => VimValue | Promise<VimValue>) => MoRef
}

const released = ['9.0.0.0', '8.0.2.0', '7.0.3.0', '6.7.3', '6.5']

function priorTo(apiVersion: string): string {
  const prior = released.filter((each) => each.localeCompare(apiVersion, undefined, { numeric: true }) < 0)
  return prior.map((each) => `<version>${each}</version>`).join('')
}

const withoutLogin = ['RetrieveServiceContent', 'Login']

/** Starts a fake. */
export async function fakeVsphere(options: FakeVsphereOptions = {}): Promise<FakeVsphere> {
  const {
    kind = 'vcenter',
    apiVersion = '8.0.2.0',
    tellsVersions = true,
    login = { user: 'user', password: 'pass' },
  } = options
  const objects = fakeObjects()
  const calls: string[] = []
  const sessions = new Set<string>()
  const failures = new Map<string, FakeFault[]>()
  let logins = 0
  const sessionManager = moRef('SessionManager', kind === 'vcenter' ? 'SessionManager' : 'ha-sessionmgr')
  const content = {
    rootFolder: moRef('Folder', kind === 'vcenter' ? 'group-d1' : 'ha-folder-root'),
    propertyCollector: moRef('PropertyCollector', kind === 'vcenter' ? 'propertyCollector' : 'ha-property-collector'),
    viewManager: moRef('ViewManager', 'ViewManager'),
    about: {
      name: 'Fake',
      fullName: `Fake ${kind} ${apiVersion}`,
      version: apiVersion,
      apiType: kind === 'vcenter' ? 'VirtualCenter' : 'HostAgent',
      apiVersion,
      ...(kind === 'vcenter' && { instanceUuid: '5f4c2a44-0000-4000-8000-000000000001' }),
    },
    sessionManager,
    fileManager: moRef('FileManager', 'FileManager'),
    guestOperationsManager: moRef('GuestOperationsManager', 'guestOperationsManager'),
  }
  objects.put(content.rootFolder, { name: 'Datacenters' })
  const datacenter = objects.put(moRef('Datacenter', kind === 'vcenter' ? 'datacenter-2' : 'ha-datacenter'), {
    name: kind === 'vcenter' ? 'DC0' : 'ha-datacenter',
    parent: content.rootFolder,
  })
  const machineFolder = objects.put(moRef('Folder', kind === 'vcenter' ? 'group-v3' : 'ha-folder-vm'), {
    name: 'vm',
    parent: datacenter,
  })
  objects.put(content.guestOperationsManager, { processManager: moRef('GuestProcessManager', 'processManager') })

  const files = options.files ?? new Map<string, Uint8Array>()
  const startTask: FakeVsphere['startTask'] = (work) => {
    const task = objects.add('Task', 'task', { info: { state: 'running' } })
    const run = async () => {
      // The reference is told before the outcome.
      await sleep(1)
      try {
        objects.set(task, 'info.result', await work())
        objects.set(task, 'info.state', 'success')
      } catch (error) {
        const fault =
          error instanceof Error && 'fault' in error ? (error as FakeFault) : fakeFault('SystemError', String(error))
        objects.set(task, 'info.error', localizedFault(fault))
        objects.set(task, 'info.state', 'error')
      }
    }
    void run()
    return task
  }
  const machines = fakeMachines({ objects, files, startTask, machineFolder })
  const leases = fakeLeases(objects, () => server.address)
  const methods: FakeMethods = {
    RetrieveServiceContent: () => content,
    CurrentTime: () => new Date(),
    Logout: ({ session }) => {
      sessions.delete(session)
      return undefined
    },
    ...propertyCollectorMethods(objects),
    ...leases.methods,
    ...machines.methods,
    ...options.methods,
  }

  const answer = async (call: FakeCall) => {
    const { method, args, session } = call
    calls.push(method)
    const failure = failures.get(method)?.shift()
    if (failure !== undefined) throw failure
    if (!withoutLogin.includes(method) && !sessions.has(session))
      throw fakeFault('NotAuthenticated', 'The session is not authenticated.')
    if (method === 'Login') {
      if (textAt(args, 'userName') !== login.user || textAt(args, 'password') !== login.password)
        throw fakeFault('InvalidLogin', 'Cannot complete login due to an incorrect user name or password.')
      logins += 1
      sessions.add(`session-${logins}`)
      return { value: { key: `session-${logins}`, userName: login.user }, session: `session-${logins}` }
    }
    const found = methods[method]
    if (found === undefined) throw fakeFault('MethodNotFound', `${method} is not supported`)
    return { value: await found(call) }
  }

  const server = await startFakeServer({
    tls: options.tls,
    onCall: answer,
    onRequest: async (request, response, session) => {
      if (await options.onRequest?.(request, response, session)) return true
      if (await leases.answer(request, response)) return true
      if (request.url?.startsWith('/folder/') === true) {
        await answerFolder(files, request, response, sessions.has(session))
        return true
      }
      if (request.url !== versionsPath) return false
      if (!tellsVersions) return false
      response
        .writeHead(200, { 'content-type': 'text/xml' })
        .end(
          `<?xml version="1.0"?><namespaces version="1.0"><namespace><name>urn:vim25</name><version>${apiVersion}</version>` +
            `<priorVersions>${priorTo(apiVersion)}</priorVersions></namespace></namespaces>`,
        )
      return true
    },
  })
  return {
    address: server.address,
    objects,
    files,
    addMachine: machines.add,
    calls,
    sessions: () => sessions.size,
    expireSessions: () => sessions.clear(),
    cut: server.cut,
    failNext: (method, fault, times = 1) => {
      failures.set(method, [...(failures.get(method) ?? []), ...Array.from({ length: times }, () => fault)])
    },
    offerLease: leases.offer,
    startTask,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
