import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectGuestAgent, type GuestAgent } from '../src/index.js'
import { blockedOnHost, type LiveProgram, startGuestAgent } from './support/live-programs.js'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

// This agent runs on the machine of the test and answers for its file systems: nothing here may freeze or change them.
describe.skipIf(skipsWithout('qemu-guest-agent'))('a real guest agent', () => {
  const folder = tempFolder()
  let program: LiveProgram
  let agent: GuestAgent

  beforeAll(async () => {
    program = await startGuestAgent(folder.path)
  })
  beforeEach(async () => {
    agent = await connectGuestAgent({ path: program.path })
    return () => agent[Symbol.asyncDispose]()
  })
  afterAll(async () => {
    await program?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  it('tells the version that the program prints, and which commands it blocks', async () => {
    await agent.ping()
    const { version, commands } = await agent.info()
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
    expect(execFileSync('qemu-ga', ['--version'], { env, encoding: 'utf8' })).toContain(version)
    for (const name of blockedOnHost) expect(commands).toContainEqual({ name, isEnabled: false })
    expect(commands).toContainEqual({ name: 'guest-exec', isEnabled: true })
  })

  it('is thawed', async () => {
    expect(await agent.fsfreezeStatus()).toBe('thawed')
  })

  it('tells the file systems that the kernel tells', async () => {
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
    for (const { mountpoint, type } of await agent.fsInfo()) {
      expect(mounts).toContainEqual(expect.arrayContaining([mountpoint, type]))
    }
  })

  it('runs a program with arguments, environment and input, and returns its output and exit code', async () => {
    const script = 'read line; echo "$line $A $1"; echo oops >&2; exit 7'
    const program = { path: '/bin/sh', args: ['-c', script, 'sh', 'größe'], env: ['A=b'], input: 'hello\n' }
    const { exitCode, stdout, stderr } = await agent.exec(program)
    expect({ exitCode, stdout: text(stdout), stderr: text(stderr) }).toEqual({
      exitCode: 7,
      stdout: 'hello b größe\n',
      stderr: 'oops\n',
    })
  })

  it('returns bytes, and many of them', async () => {
    const { stdout, exitCode } = await agent.exec({
      path: '/bin/sh',
      args: ['-c', 'head -c 3000000 /dev/zero; printf "\\377"'],
    })
    expect(exitCode).toBe(0)
    expect(stdout.byteLength).toBe(3_000_001)
    expect(stdout.at(-1)).toBe(0xff)
  })

  it('tells the signal that ended a program, and runs one without output', async () => {
    expect(await agent.exec({ path: '/bin/sh', args: ['-c', 'kill -9 $$'] })).toMatchObject({
      exitCode: undefined,
      signal: 9,
    })
    const silent = await agent.exec({ path: '/bin/echo', args: ['x'], captureOutput: false })
    expect(silent).toMatchObject({ exitCode: 0, stdout: new Uint8Array() })
  })

  it('stops waiting for a program that runs on, and takes other commands', async () => {
    const sleep = agent.exec({ path: '/bin/sleep', args: ['2'] }, { timeoutMs: 200 })
    await agent.ping()
    await expect(sleep).rejects.toMatchObject({ code: 'timeout' })
    await agent.ping()
  })

  it('fails commands in its own words', async () => {
    await expect(agent.execute('no-such')).rejects.toMatchObject({ code: 'command', class: 'CommandNotFound' })
    await expect(agent.execute('guest-get-osinfo')).rejects.toMatchObject({
      code: 'command',
      class: 'CommandNotFound',
      desc: expect.stringContaining('disabled'),
    })
    await expect(agent.exec({ path: '/nonexistent' })).rejects.toMatchObject({ code: 'command', class: 'GenericError' })
    await expect(agent.execute('guest-exec-status', { pid: 1 })).rejects.toMatchObject({ class: 'GenericError' })
  })

  it('an aborted command confuses none after it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const aborted = agent.info({ signal: controller.signal })
      if (round % 2 === 0) await Promise.resolve()
      setTimeout(() => controller.abort(), round / 10)
      await aborted.catch(() => undefined)
      expect(text((await agent.exec({ path: '/bin/echo', args: [String(round)] })).stdout)).toBe(`${round}\n`)
    }
  })

  it('what an earlier client left behind confuses none after it', async () => {
    await agent[Symbol.asyncDispose]()
    const earlier = connect(program.path)
    await once(earlier, 'connect')
    // Half a command: an agent whose answer finds nobody on its socket ends, which one in a guest never sees.
    earlier.write('{"execute":"guest-p')
    earlier.destroy()
    agent = await connectGuestAgent({ path: program.path })
    expect(await agent.fsfreezeStatus()).toBe('thawed')
  })

  it('serves one client at a time', async () => {
    await expect(connectGuestAgent({ path: program.path }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'timeout',
    })
    await agent[Symbol.asyncDispose]()
    agent = await connectGuestAgent({ path: program.path })
    await agent.ping()
  })

  it('fails what waits with `closed` when it dies', async () => {
    using other = tempFolder()
    await using doomed = await startGuestAgent(other.path)
    const victim = await connectGuestAgent({ path: doomed.path })
    const sleep = victim.exec({ path: '/bin/sleep', args: ['1'] }).catch((error: unknown) => error)
    doomed.kill()
    expect(await sleep).toMatchObject({ code: 'closed' })
    await expect(victim.closed).resolves.toMatchObject({ code: 'closed' })
  })
})
