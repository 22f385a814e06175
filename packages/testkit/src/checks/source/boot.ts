import { type BootProbe, checkBootProbe, isBackupError, type ProvisionedMachine } from '@holdfast/core'
import type { BootableMachine } from '../environment.js'
import { describeError, expectAborted, expectBytes, expectEqual, expectThat, fail, settled } from '../expect.js'
import { toArray } from '../streams.js'
import { machineToRestore, placementOf, restoredBytes, restoreSession } from './restore.js'
import { discovered, openSource, type SourceCheck, type SourceCheckEnvironment, withCapture } from './source-check.js'

/** A source may take this long beyond the probe's own time to stop the machine and to say so. */
const graceMs = 10_000
const maxEvidence = 65_536
const maxMessage = 4_096

/** Machines that were provisioned are started, prove that they run, and are gone afterwards. */
export const bootChecks: readonly SourceCheck[] = [
  {
    id: 'source/boot/probe',
    kind: 'source',
    title: 'boots a provisioned machine, tells what the probe saw, and leaves nothing of it',
    needs: ({ boot }) => boot,
    offers: ['bootable'],
    run: (env) =>
      leavingNothing(env, () =>
        provisioned(env, async (boot) => {
          const startedAt = performance.now()
          const booted = await boot(bootableOf(env).probe, env.signal)
          const tookMs = performance.now() - startedAt
          const { bootMs, evidence } = booted
          await booted[Symbol.asyncDispose]()
          await booted[Symbol.asyncDispose]()
          expectThat(bootMs >= 0 && bootMs <= tookMs + 1, `Booting took ${bootMs} ms of ${Math.ceil(tookMs)} ms.`)
          expectThat(evidence.trim() !== '', 'The evidence is empty.')
          expectThat(evidence.length <= maxEvidence, `The evidence has ${evidence.length} characters.`)
        }),
      ),
  },
  {
    id: 'source/boot/dispose-stops',
    kind: 'source',
    title: 'stops a booted machine that is disposed',
    needs: ({ boot }) => boot,
    offers: ['bootable', 'inventory'],
    run: (env) =>
      provisioned(env, async (boot) => {
        const before = await inventoryOf(env)
        await using booted = await boot(bootableOf(env).probe, env.signal)
        await booted[Symbol.asyncDispose]()
        expectEqual(await inventoryOf(env), before, 'Inventory after the booted machine was disposed')
      }),
  },
  {
    id: 'source/boot/no-answer',
    kind: 'source',
    title: 'fails with E_BOOT when the probe does not come in time, and leaves nothing',
    needs: ({ boot }) => boot,
    offers: ['bootable'],
    run: (env) =>
      leavingNothing(env, () =>
        provisioned(env, async (boot) => {
          const before = await inventoryOf(env)
          const probe = silentProbe(env)
          const call = boot(probe, env.signal)
          const outcome = await settled(call, 'Booting with a probe that never comes', probe.timeoutMs + graceMs)
          if (outcome.resolved) fail('Booting with a probe that never comes: it succeeded.')
          const { error } = outcome
          if (!isBackupError(error) || error.code !== 'E_BOOT')
            fail(`A probe that never comes: it threw ${describeError(error)}, expected E_BOOT.`, error)
          expectThat(typeof error.context['probe'] === 'string', "The error's context names no probe.")
          expectThat(error.message.length <= maxMessage, `The message has ${error.message.length} characters.`)
          expectThat(!/[^\n\t\P{Cc}]/u.test(error.message), 'The message has control characters.')
          expectEqual(await inventoryOf(env), before, 'Inventory after the machine did not come up')
        }),
      ),
  },
  {
    id: 'source/boot/abort',
    kind: 'source',
    title: 'stops a machine whose start is aborted, and starts none when already aborted',
    needs: ({ boot }) => boot,
    offers: ['bootable'],
    run: async (env) => {
      const patient = { ...silentProbe(env), timeoutMs: 120_000 }
      for (const afterMs of [undefined, 200]) {
        await leavingNothing(env, () =>
          provisioned(env, async (boot) => {
            const abort = new AbortController()
            if (afterMs === undefined) abort.abort(new Error('enough'))
            const call = boot(patient, abort.signal)
            if (afterMs !== undefined) setTimeout(() => abort.abort(new Error('enough')), afterMs)
            await expectAborted(call, abort.signal, `Booting, aborted ${afterMs ?? 0} ms after its start`)
          }),
        )
      }
    },
  },
  {
    id: 'source/boot/drops-writes',
    kind: 'source',
    title: 'drops what the guest writes: a machine committed later has the bytes that were restored',
    needs: ({ boot }) => boot,
    offers: ['bootable'],
    run: async (env) => {
      const expected = new Map<string, Uint8Array>()
      const { machine, probe } = bootableOf(env)
      await provisioned(
        env,
        async (boot, placed) => {
          await (await boot(probe, env.signal))[Symbol.asyncDispose]()
          await placed.commit({ signal: env.signal })
        },
        expected,
      )
      try {
        for (const { id } of machine.disks)
          expectBytes(
            await restoredBytes(env, env.uniqueName, id),
            expected.get(id) ?? new Uint8Array(),
            `Disk ${id} of the machine that was booted`,
          )
      } finally {
        await env.removeRestored?.(env.uniqueName)
      }
    },
  },
  {
    id: 'source/boot/keeps-existing',
    kind: 'source',
    title: 'touches no other machine while one boots',
    needs: ({ boot }) => boot,
    offers: ['bootable', 'reference'],
    run: async (env) => {
      await using session = await openSource(env)
      const machines = await discovered(env, session)
      const states = async () => {
        const found: (readonly [string, Uint8Array])[] = []
        for (const machine of machines) {
          const disks = await withCapture(env, session, machine, async (capture) => capture.disks.map(({ id }) => id))
          for (const disk of disks)
            found.push([`${machine.name}/${disk}`, (await env.reference?.(machine.id, disk)) ?? new Uint8Array()])
        }
        return new Map(found)
      }
      const before = await states()
      await provisioned(env, async (boot) => {
        await (await boot(bootableOf(env).probe, env.signal))[Symbol.asyncDispose]()
      })
      for (const [name, bytes] of await states())
        expectBytes(bytes, before.get(name) ?? new Uint8Array(), `Disk ${name}, which was not booted,`)
    },
  },
  {
    id: 'source/boot/undeclared',
    kind: 'source',
    title: 'offers to boot nothing when it does not declare it',
    needs: ({ restore, boot }) => restore && !boot,
    run: (env) =>
      restoreSession(env, async (restore) => {
        const placement = placementOf(env, env.uniqueName)
        await using placed = await restore.provision(machineToRestore(env), placement, { signal: env.signal })
        expectThat(placed.boot === undefined, 'boot is declared false, and a provisioned machine has it.')
      }),
  },
]

type Boot = (probe: BootProbe, signal: AbortSignal) => ReturnType<NonNullable<ProvisionedMachine['boot']>>

/** Provisions the bootable machine with its content, and disposes it whatever happens. `written` gets the content. */
async function provisioned(
  env: SourceCheckEnvironment,
  work: (boot: Boot, placed: ProvisionedMachine) => Promise<void>,
  written?: Map<string, Uint8Array>,
): Promise<void> {
  const { machine, fill } = bootableOf(env)
  await restoreSession(env, async (restore) => {
    const placement = placementOf(env, env.uniqueName)
    await using placed = await restore.provision(machine, placement, { signal: env.signal })
    for (const disk of placed.disks) {
      const bytes = written === undefined ? undefined : new Uint8Array(disk.sizeBytes)
      if (bytes !== undefined) written?.set(disk.id, bytes)
      const write: typeof disk.write = async (offset, data, options) => {
        bytes?.set(data, offset)
        await disk.write(offset, data, options)
      }
      await fill({ ...disk, write }, { signal: env.signal })
    }
    const { boot } = placed
    if (boot === undefined) fail('boot is declared true, and a provisioned machine lacks it.')
    await work((probe, signal) => boot(checkBootProbe(probe), { signal }), placed)
  })
}

async function leavingNothing(env: SourceCheckEnvironment, work: () => Promise<void>): Promise<void> {
  await using session = await openSource(env)
  const machines = () => toArray(session.discover({}, { signal: env.signal }))
  const [before, things] = [await machines(), await inventoryOf(env)]
  await work()
  expectEqual(await inventoryOf(env), things, 'Inventory after the booted machine was discarded')
  expectEqual(await machines(), before, 'Machines after the booted machine was discarded')
}

async function inventoryOf(env: SourceCheckEnvironment): Promise<readonly string[] | undefined> {
  return (await env.inventory?.())?.toSorted()
}

function bootableOf(env: SourceCheckEnvironment): BootableMachine {
  return env.bootable ?? fail('The environment offers no bootable machine.')
}

function silentProbe(env: SourceCheckEnvironment): BootProbe {
  return bootableOf(env).silentProbe ?? { kind: 'serial', pattern: env.uniqueName, timeoutMs: 3_000 }
}
