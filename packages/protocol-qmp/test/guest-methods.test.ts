import { describe, expect, it } from 'vitest'
import { connectGuestAgent } from '../src/index.js'
import { type FakeCall, fakeFailure, fakeGuestAgent } from '../src/testing/index.js'

const connected = async (options: Parameters<typeof fakeGuestAgent>[0] = {}) => {
  const fake = fakeGuestAgent(options)
  return { fake, agent: await connectGuestAgent({ stream: fake.connect() }, { timeoutMs: 2000 }) }
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('freezing', () => {
  it('tells how many file systems were frozen and thawed', async () => {
    const { fake, agent } = await connected({ fileSystems: 3 })
    await using _ = agent
    expect(await agent.fsfreezeStatus()).toBe('thawed')
    expect(await agent.fsfreezeFreeze()).toBe(3)
    expect(await agent.fsfreezeStatus()).toBe('frozen')
    expect(fake.freezeState()).toBe('frozen')
    expect(await agent.fsfreezeThaw()).toBe(3)
    expect(await agent.fsfreezeThaw()).toBe(0)
  })

  it('freezes the given mount points only', async () => {
    const { fake, agent } = await connected()
    await using _ = agent
    expect(await agent.fsfreezeFreeze({ mountpoints: ['/data'] })).toBe(1)
    expect(fake.calls).toEqual([{ command: 'guest-fsfreeze-freeze-list', args: { mountpoints: ['/data'] } }])
    await agent.fsfreezeThaw()
  })

  it("throws the hook's failure in the agent's words", async () => {
    const desc = 'fsfreeze hook has failed with status 1'
    const { agent } = await connected({ answers: { 'guest-fsfreeze-freeze': fakeFailure(desc) } })
    await using _ = agent
    await expect(agent.fsfreezeFreeze()).rejects.toMatchObject({ code: 'command', class: 'GenericError', desc })
  })

  it('throws what a frozen agent refuses', async () => {
    const { agent } = await connected()
    await using _ = agent
    await agent.fsfreezeFreeze()
    await expect(agent.fsInfo()).rejects.toMatchObject({
      code: 'command',
      desc: expect.stringContaining('frozen state'),
    })
    await expect(agent.fsfreezeFreeze()).rejects.toMatchObject({ code: 'command' })
    await agent.ping()
    await agent.fsfreezeThaw()
  })

  it('thaws before all that wait', async () => {
    const gate = Promise.withResolvers<void>()
    const { fake, agent } = await connected({ answers: { slow: () => gate.promise, other: {} } })
    await using _ = agent
    await agent.fsfreezeFreeze().then(() => agent.fsfreezeThaw())
    const all = [agent.execute('slow'), agent.execute('other'), agent.fsfreezeThaw()]
    gate.resolve()
    await Promise.all(all)
    expect(fake.calls.slice(-3).map(({ command }) => command)).toEqual(['slow', 'guest-fsfreeze-thaw', 'other'])
  })

  it('thaws a guest whose freeze was given up and came true later', async () => {
    const hook = Promise.withResolvers<number>()
    const { agent } = await connected({ answers: { 'guest-fsfreeze-freeze': () => hook.promise } })
    await using _ = agent
    await expect(agent.fsfreezeFreeze({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'timeout' })
    setTimeout(() => hook.resolve(2), 10)
    await expect(agent.fsfreezeThaw()).resolves.toBe(0)
  })

  it.each([
    ['guest-fsfreeze-freeze', 'many'],
    ['guest-fsfreeze-freeze', -1],
    ['guest-fsfreeze-thaw', {}],
    ['guest-fsfreeze-status', 'melting'],
  ])('refuses %s to return %j', async (command, value) => {
    const { agent } = await connected({ answers: { [command]: value } })
    await using _ = agent
    const calls = {
      'guest-fsfreeze-freeze': agent.fsfreezeFreeze,
      'guest-fsfreeze-thaw': agent.fsfreezeThaw,
      'guest-fsfreeze-status': agent.fsfreezeStatus,
    }
    const call = Object.entries(calls).find(([name]) => name === command)![1]
    await expect(call()).rejects.toMatchObject({ code: 'protocol' })
  })
})

describe('what a guest agent tells', () => {
  it('its version and commands', async () => {
    const { agent } = await connected({ answers: { extra: {} } })
    await using _ = agent
    await agent.fsfreezeFreeze()
    const { version, commands } = await agent.info()
    expect(version).toBe('7.2.22')
    expect(commands).toContainEqual({ name: 'extra', isEnabled: false })
    expect(commands).toContainEqual({ name: 'guest-fsfreeze-thaw', isEnabled: true })
  })

  it('the file systems of the guest', async () => {
    const disk = { 'bus-type': 'virtio', serial: 'root0', dev: '/dev/vda2', 'pci-controller': { bus: 0 } }
    const systems = [
      { name: 'vda2', mountpoint: '/', type: 'ext4', 'used-bytes': 10, 'total-bytes': 20, disk: [disk] },
      { name: 'tmp', mountpoint: '/tmp', type: 'tmpfs', disk: [] },
    ]
    const { agent } = await connected({ answers: { 'guest-get-fsinfo': systems } })
    await using _ = agent
    expect(await agent.fsInfo()).toEqual([
      {
        name: 'vda2',
        mountpoint: '/',
        type: 'ext4',
        usedBytes: 10,
        totalBytes: 20,
        disks: [{ busType: 'virtio', serial: 'root0', device: '/dev/vda2' }],
      },
      { name: 'tmp', mountpoint: '/tmp', type: 'tmpfs', usedBytes: undefined, totalBytes: undefined, disks: [] },
    ])
  })

  it.each([
    ['guest-get-fsinfo', [{ name: 'x', mountpoint: '/', type: 'ext4' }]],
    ['guest-get-fsinfo', 'none'],
    ['guest-info', { version: 7, supported_commands: [] }],
    ['guest-info', { version: '7', supported_commands: [{ name: 'x' }] }],
  ])('is refused where %s says %j', async (command, value) => {
    const { agent } = await connected({ answers: { [command]: value } })
    await using _ = agent
    const asked = command === 'guest-info' ? agent.info() : agent.fsInfo()
    await expect(asked).rejects.toMatchObject({ code: 'protocol' })
  })
})

describe('running a program in the guest', () => {
  it('sends all of it, asks until it has ended, and returns its output', async () => {
    let asked = 0
    const { fake, agent } = await connected({
      answers: {
        'guest-exec': { pid: 42 },
        'guest-exec-status': () => {
          asked += 1
          if (asked < 3) return { exited: false }
          return {
            exited: true,
            exitcode: 3,
            'out-data': base64('hällo'),
            'err-data': base64('oh'),
            'err-truncated': true,
          }
        },
      },
    })
    await using _ = agent
    const program = { path: '/bin/sh', args: ['-c', 'x'], env: ['A=b'], input: 'in' }
    const result = await agent.exec(program)
    expect(result).toEqual({
      exitCode: 3,
      signal: undefined,
      stdout: new TextEncoder().encode('hällo'),
      stderr: new TextEncoder().encode('oh'),
      isStdoutTruncated: false,
      isStderrTruncated: true,
    })
    expect(asked).toBe(3)
    expect(fake.calls[0]?.args).toEqual({
      path: '/bin/sh',
      arg: ['-c', 'x'],
      env: ['A=b'],
      'capture-output': true,
      'input-data': base64('in'),
    })
    expect(fake.calls[1]?.args).toEqual({ pid: 42 })
  })

  it('sends no more than it was given', async () => {
    const { fake, agent } = await connected({
      answers: { 'guest-exec': { pid: 1 }, 'guest-exec-status': { exited: true, signal: 9 } },
    })
    await using _ = agent
    const result = await agent.exec({ path: 'x', captureOutput: false })
    expect(result).toMatchObject({ exitCode: undefined, signal: 9, stdout: new Uint8Array() })
    expect(fake.calls[0]?.args).toEqual({ path: 'x', 'capture-output': false })
  })

  it('lets other commands go between its questions', async () => {
    let ended = false
    const answers = {
      'guest-exec': { pid: 1 },
      'guest-exec-status': () => (ended ? { exited: true, exitcode: 0 } : { exited: false }),
      end: () => {
        ended = true
      },
    }
    const { agent } = await connected({ answers })
    await using _ = agent
    const program = agent.exec({ path: 'x' })
    await agent.execute('end')
    await expect(program).resolves.toMatchObject({ exitCode: 0 })
  })

  it('stops waiting at a timeout or an abort', async () => {
    const { agent } = await connected({ answers: { 'guest-exec': { pid: 1 }, 'guest-exec-status': { exited: false } } })
    await using _ = agent
    await expect(agent.exec({ path: 'x' }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
      command: 'guest-exec',
    })
    const controller = new AbortController()
    setTimeout(() => controller.abort('why'), 50)
    await expect(agent.exec({ path: 'x' }, { signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
      cause: 'why',
    })
    await agent.ping()
  })

  it('says nothing in an error of what the program was given', async () => {
    const { agent } = await connected({
      answers: { 'guest-exec': (_: FakeCall) => fakeFailure('Failed to execute child process') },
    })
    await using _ = agent
    const secret = 'hunter2'
    const error = await agent.exec({ path: 'x', args: [secret], env: [secret], input: secret }).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'command' })
    expect(JSON.stringify(error) + String(error)).not.toContain(secret)
  })

  it.each([
    ['no process id', { pid: 'x' }, {}],
    ['no end', { pid: 1 }, { exited: 1 }],
    ['an exit code of text', { pid: 1 }, { exited: true, exitcode: '0' }],
    ['output that is not Base64', { pid: 1 }, { exited: true, 'out-data': 'a*b=' }],
    ['output of half a group', { pid: 1 }, { exited: true, 'out-data': 'abc' }],
  ])('refuses %s', async (_name, started, status) => {
    const { agent } = await connected({ answers: { 'guest-exec': started, 'guest-exec-status': status } })
    await using _ = agent
    await expect(agent.exec({ path: 'x' })).rejects.toMatchObject({ code: 'protocol' })
  })
})
