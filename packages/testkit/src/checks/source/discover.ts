import { type MachineRef, type MachineSelector, machineMatches } from '@holdfast/core'
import { expectAborted, expectBackupError, expectEqual, expectThat } from '../expect.js'
import { drain, toArray } from '../streams.js'
import { openSource, type SourceCheck, type SourceCheckEnvironment } from './source-check.js'

/** Discovery finds the machines that were asked for. */
export const discoverChecks: readonly SourceCheck[] = [
  {
    id: 'source/discover/exactly-once',
    kind: 'source',
    title: 'discovers every machine exactly once',
    run: async (env) => {
      await using session = await openSource(env)
      for (const round of ['first', 'second']) {
        const ids = (await toArray(session.discover({}, { signal: env.signal }))).map(({ id }) => id)
        expectThat(
          new Set(ids).size === ids.length,
          `The ${round} discovery yields some machine twice: ${ids.join(', ')}.`,
        )
        if (env.machines !== undefined) {
          expectEqual(ids.toSorted(), env.machines.map(({ id }) => id).sort(), `Machines of the ${round} discovery`)
        }
      }
    },
  },
  {
    id: 'source/discover/selector',
    kind: 'source',
    title: 'discovers what the selector wants and nothing else',
    run: async (env) => {
      await using session = await openSource(env)
      const all = await toArray(session.discover({}, { signal: env.signal }))
      for (const selector of selectors(all)) {
        const found = await toArray(session.discover(selector, { signal: env.signal }))
        const wanted = all.filter((machine) => machineMatches(machine, selector))
        expectEqual(ids(found), ids(wanted), `Machines of ${JSON.stringify(selector)}`)
      }
    },
  },
  {
    id: 'source/discover/aborted',
    kind: 'source',
    title: 'discovers and prepares nothing when already aborted',
    run: async (env) => {
      await using session = await openSource(env)
      const [machine] = await toArray(session.discover({}, { signal: env.signal }))
      const signal = AbortSignal.abort(new Error('too late'))
      await expectAborted(drain(session.discover({}, { signal })), signal, 'discover with an aborted signal')
      if (machine === undefined) return
      const prepare = session.prepare(machine, { previous: new Map() }, { signal })
      await expectAborted(prepare, signal, 'prepare with an aborted signal')
    },
  },
  {
    id: 'source/prepare/missing-machine',
    kind: 'source',
    title: 'throws E_MACHINE_NOT_FOUND for a machine that is not there',
    run: async (env) => {
      await using session = await openSource(env)
      const prepare = session.prepare(nobody(env), { previous: new Map() }, { signal: env.signal })
      await expectBackupError(prepare, ['E_MACHINE_NOT_FOUND'], 'Preparing a machine that is not there')
    },
  },
]

function* selectors(all: readonly MachineRef[]): Generator<MachineSelector> {
  yield* [{ include: [] }, { include: ['*'] }, { include: ['no-such-machine-*'] }, { exclude: ['*'] }]
  yield { labels: { 'no-such-label': 'x' } }
  for (const { id, name, labels } of all) {
    yield* [{ include: [name] }, { include: [id] }, { exclude: [name] }, { include: ['*'], exclude: [id] }]
    yield* [
      { include: [`${name.slice(0, 2)}*`] },
      { include: [`*${name.slice(-2)}`] },
      { include: [name], exclude: [name] },
    ]
    if (labels !== undefined) yield { labels }
  }
}

function ids(machines: readonly MachineRef[]): readonly string[] {
  return machines.map(({ id }) => id).sort()
}

function nobody(env: SourceCheckEnvironment): MachineRef {
  const name = `${env.uniqueName}-nobody`
  return { id: name as MachineRef['id'], name }
}
