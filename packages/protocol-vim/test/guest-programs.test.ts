import { expect, it } from 'vitest'
import { connectVim, integerAt, moRef, runInGuest, textAt } from '../src/index.js'
import { type FakeMethods, fakeFault, fakeVsphere } from '../src/testing/index.js'

const login = { user: 'user', password: 'pass' }
const guest = { user: 'root', password: 'opensesame' }
const machine = moRef('VirtualMachine', 'vm-1')
const program = { path: '/usr/sbin/pre-freeze-script', arguments: '--level "2"' }

/** A guest in which programs end after they were asked about so many times. */
function guestOf(questions: number, exitCode = 0) {
  const terminated: number[] = []
  const started: string[] = []
  let asked = 0
  const methods: FakeMethods = {
    StartProgramInGuest: ({ args }) => {
      if (textAt(args, 'auth.password') !== guest.password) throw fakeFault('InvalidGuestLogin')
      started.push(`${textAt(args, 'spec.programPath')} ${textAt(args, 'spec.arguments')}`)
      return 4711
    },
    ListProcessesInGuest: ({ args }) => {
      asked += 1
      const ended = asked > questions ? { endTime: new Date(), exitCode } : {}
      return [
        { name: 'x', pid: integerAt(args, 'pids') ?? 0, owner: 'root', cmdLine: 'x', startTime: new Date(), ...ended },
      ]
    },
    TerminateProcessInGuest: ({ args }) => {
      terminated.push(integerAt(args, 'pid') ?? 0)
      return undefined
    },
  }
  return { methods, terminated, started }
}

it('runs a program and tells what it ended with', async () => {
  const { methods, started, terminated } = guestOf(3, 7)
  await using server = await fakeVsphere({ methods })
  await using session = await connectVim(server.address, login)
  expect(await runInGuest(session, machine, guest, program)).toBe(7)
  expect(started).toEqual(['/usr/sbin/pre-freeze-script --level "2"'])
  expect(terminated).toEqual([])
})

it.each([
  ['takes too long', () => ({ timeoutMs: 200 }), 'timeout'],
  ['is not waited for any longer', () => ({ signal: AbortSignal.timeout(100) }), 'aborted'],
])('ends a program that %s', async (_, options, code) => {
  const { methods, terminated } = guestOf(Infinity)
  await using server = await fakeVsphere({ methods })
  await using session = await connectVim(server.address, login)
  await expect(runInGuest(session, machine, guest, program, options())).rejects.toMatchObject({ code })
  expect(terminated).toEqual([4711])
})

it('says that the guest does not know the user, without the password', async () => {
  await using server = await fakeVsphere({ methods: guestOf(0).methods })
  await using session = await connectVim(server.address, login)
  const error: unknown = await runInGuest(session, machine, { user: 'root', password: 'wrong-one' }, program).catch(
    (each: unknown) => each,
  )
  expect(error).toMatchObject({ code: 'fault', fault: 'InvalidGuestLogin' })
  expect(JSON.stringify(error) + String(error)).not.toContain('wrong-one')
})
