import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  cancelJob,
  connectQmp,
  isQmpError,
  type QmpError,
  type QmpSession,
  queryBlockDevices,
  queryBlockExports,
  queryBlockJobs,
  queryBlockNodes,
  queryJobs,
  queryObjectNames,
  queryStatus,
  queryVersion,
  runJob,
} from '../src/index.js'
import { type LiveProgram, startQemu } from './support/live-programs.js'

const mebibyte = 2 ** 20

describe.skipIf(skipsWithout('qemu-system-x86'))('a real QEMU', () => {
  const folder = tempFolder()
  let qemu: LiveProgram
  let session: QmpSession

  beforeAll(async () => {
    qemu = await startQemu(folder.path)
    session = await connectQmp({ path: qemu.path })
    for (const [name, sizeBytes] of [
      ['source', 4 * mebibyte],
      ['target', 4 * mebibyte],
    ] as const) {
      await session.execute('blockdev-add', {
        driver: 'null-co',
        'node-name': name,
        size: sizeBytes,
        'read-zeroes': true,
      })
    }
  })
  afterAll(async () => {
    await session?.[Symbol.asyncDispose]()
    await qemu?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const addFile = async (name: string) => {
    const filename = join(folder.path, name)
    writeFileSync(filename, '')
    await session.execute('blockdev-add', { driver: 'file', 'node-name': `${name}-file`, filename })
    return { driver: 'qcow2', file: `${name}-file`, size: 64 * mebibyte }
  }
  const createQcow2 = async (name: string) => {
    const options = await addFile(name)
    const start = () => session.execute('blockdev-create', { 'job-id': `create-${name}`, options })
    const job = await runJob(session, { id: `create-${name}`, start })
    await session.execute('blockdev-add', { driver: 'qcow2', 'node-name': name, file: `${name}-file` })
    return job
  }
  const backup = (id: string, more: Readonly<Record<string, unknown>> = {}) =>
    session.execute('blockdev-backup', {
      'job-id': id,
      device: 'source',
      target: 'target',
      sync: 'full',
      'auto-dismiss': false,
      ...more,
    })

  it('tells the version that the program prints, and its state', async () => {
    const { major, minor, micro } = session.version
    const printed = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' })
    expect(printed).toContain(`version ${major}.${minor}.${micro}`)
    expect(await queryVersion(session)).toEqual(session.version)
    expect(await queryStatus(session)).toEqual({ isRunning: true, status: 'running' })
    expect(await queryBlockDevices(session)).toEqual([])
  })

  it('answers many commands at once, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        n % 2 === 0 ? session.execute('query-status') : session.execute('qom-list', { path: '/' }),
      ),
    )
    for (const [n, answer] of answers.entries()) {
      if (n % 2 === 0) expect(answer).toMatchObject({ running: true })
      else expect(answer).toContainEqual(expect.objectContaining({ name: 'machine' }))
    }
  })

  it('sends an answer of many packets', async () => {
    const schema = await session.execute('query-qmp-schema')
    expect(schema).toContainEqual(expect.objectContaining({ name: 'blockdev-backup', 'meta-type': 'command' }))
    expect(JSON.stringify(schema).length).toBeGreaterThan(100_000)
  })

  it('fails commands in its own words', async () => {
    await expect(session.execute('no-such-command')).rejects.toMatchObject({
      code: 'command',
      class: 'CommandNotFound',
      desc: 'The command no-such-command has not been found',
    })
    await expect(session.execute('block-dirty-bitmap-remove', { node: 'source', name: 'x' })).rejects.toMatchObject({
      class: 'GenericError',
      desc: "Dirty bitmap 'x' not found",
    })
    await expect(session.execute('blockdev-del', { 'node-name': 'no' })).rejects.toMatchObject({
      class: 'GenericError',
    })
    await expect(session.execute('blockdev-del', { wrong: 1 })).rejects.toMatchObject({ class: 'GenericError' })
  })

  it('creates an image by a job, whose bitmaps and export are told', async () => {
    expect(await createQcow2('disk')).toMatchObject({
      id: 'create-disk',
      type: 'create',
      status: 'concluded',
      error: undefined,
    })
    expect(await queryJobs(session)).toEqual([])
    await session.execute('block-dirty-bitmap-add', { node: 'disk', name: 'cp1', persistent: true, granularity: 65536 })
    const nodes = await queryBlockNodes(session)
    expect(nodes.find(({ nodeName }) => nodeName === 'disk')).toMatchObject({
      driver: 'qcow2',
      isReadOnly: false,
      sizeBytes: 64 * mebibyte,
      filename: join(folder.path, 'disk'),
      canKeepBitmaps: true,
      bitmaps: [
        {
          name: 'cp1',
          granularityBytes: 65536,
          dirtyBytes: 0,
          isRecording: true,
          isPersistent: true,
          isInconsistent: false,
        },
      ],
    })
    await session.execute('object-add', { 'qom-type': 'throttle-group', id: 'limits0' })
    expect(await queryObjectNames(session)).toContain('limits0')
    const addr = { type: 'unix', data: { path: join(folder.path, 'nbd.sock') } }
    await session.execute('nbd-server-start', { addr })
    const toExport = { type: 'nbd', id: 'exp', 'node-name': 'disk', bitmaps: ['cp1'] }
    // An export that takes no writes takes no bitmap that records them.
    await expect(session.execute('block-export-add', toExport)).rejects.toMatchObject({ class: 'GenericError' })
    await session.execute('block-dirty-bitmap-disable', { node: 'disk', name: 'cp1' })
    await session.execute('block-export-add', toExport)
    expect(await queryBlockExports(session)).toEqual([
      { id: 'exp', type: 'nbd', nodeName: 'disk', isShuttingDown: false },
    ])
    const busy = (await queryBlockNodes(session)).find(({ nodeName }) => nodeName === 'disk')?.bitmaps[0]
    expect(busy?.isBusy).toBe(true)
    using deleted = session.expectEvent(({ name, data }) => name === 'BLOCK_EXPORT_DELETED' && data['id'] === 'exp')
    await session.execute('block-export-del', { id: 'exp', mode: 'hard' })
    await deleted.event
    expect(await queryBlockExports(session)).toEqual([])
    await session.execute('nbd-server-stop')
  })

  it('rolls a transaction back as a whole', async () => {
    const add = (name: string, node = 'source') => ({ type: 'block-dirty-bitmap-add', data: { node, name } })
    await expect(session.execute('transaction', { actions: [add('a'), add('b'), add('a')] })).rejects.toMatchObject({
      class: 'GenericError',
      desc: 'Bitmap already exists: a',
    })
    const nodes = await queryBlockNodes(session)
    expect(nodes.find(({ nodeName }) => nodeName === 'source')?.bitmaps).toEqual([])
  })

  it("throws a job's error and leaves no job", async () => {
    const options = { ...(await addFile('bad')), version: 'v2', 'lazy-refcounts': true }
    const start = () => session.execute('blockdev-create', { 'job-id': 'bad', options })
    const error = await runJob(session, { id: 'bad', start }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'job', desc: expect.stringMatching(/^Lazy refcounts only supported/) })
    expect(await queryJobs(session)).toEqual([])
  })

  it('refuses a job in its own words', async () => {
    const start = () => backup('no', { target: 'nowhere' })
    await expect(runJob(session, { id: 'no', start })).rejects.toMatchObject({
      code: 'command',
      command: 'blockdev-backup',
    })
  })

  it('runs a backup job to its end, event by event', async () => {
    const seen: string[] = []
    const off = session.on(
      ({ name, data }) => name === 'JOB_STATUS_CHANGE' && data['id'] === 'full' && seen.push(String(data['status'])),
    )
    const job = await runJob(session, { id: 'full', start: () => backup('full') }, { pollMs: 10_000 })
    off()
    expect(job).toMatchObject({ type: 'backup', progress: 4 * mebibyte, totalProgress: 4 * mebibyte })
    expect(seen.slice(0, 2)).toEqual(['created', 'running'])
    expect(seen).toContain('concluded')
    expect(await queryJobs(session)).toEqual([])
  })

  it('says that a job dismissed itself', async () => {
    const start = () => backup('auto', { 'auto-dismiss': true })
    const error = await runJob(session, { id: 'auto', start }).catch((caught: unknown) => caught)
    expect(isQmpError(error) && error.code).toBe('job')
  })

  it('ends a job that is aborted, however slow, and leaves nothing', async () => {
    const controller = new AbortController()
    const slow = {
      id: 'slow',
      start: () => backup('slow', { speed: 65536 }),
      onStatus: () => controller.abort('enough'),
    }
    const error = await runJob(session, slow, { signal: controller.signal }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'aborted', cause: 'enough' })
    expect(await queryJobs(session)).toEqual([])
  })

  it('ends a job that never ends by itself, and tells how', async () => {
    await backup('fleece', { sync: 'none' })
    const [running] = await queryBlockJobs(session)
    expect(running).toMatchObject({ id: 'fleece', type: 'backup', status: 'running', ioStatus: 'ok', isPaused: false })
    expect(await cancelJob(session, 'fleece')).toMatchObject({ id: 'fleece', status: 'concluded' })
    expect(await queryJobs(session)).toEqual([])
    expect(await cancelJob(session, 'fleece')).toBeUndefined()
  })

  it('drops late answers of commands that were aborted', async () => {
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const schema = session.execute('query-qmp-schema', {}, { signal: controller.signal })
      controller.abort()
      await expect(schema).rejects.toMatchObject({ code: 'aborted' })
      expect(await queryStatus(session)).toMatchObject({ isRunning: true })
    }
  })

  it('tells events with their time', async () => {
    using stopped = session.expectEvent('STOP')
    const beforeMs = Date.now()
    await session.execute('stop')
    const { atMs } = await stopped.event
    expect(atMs).toBeGreaterThan(beforeMs - 5000)
    expect(atMs).toBeLessThan(Date.now() + 5000)
    expect(await queryStatus(session)).toMatchObject({ isRunning: false })
    await session.execute('cont')
  })

  it('makes a second client wait, and serves it when the first has gone', async () => {
    using other = tempFolder()
    await using busy = await startQemu(other.path)
    const first = await connectQmp({ path: busy.path })
    await expect(connectQmp({ path: busy.path }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'timeout',
      hint: expect.stringContaining('one client at a time'),
    })
    await first[Symbol.asyncDispose]()
    await using second = await connectQmp({ path: busy.path })
    expect(await queryStatus(second)).toMatchObject({ isRunning: true })
  })

  it('is read from a pretty monitor too, and refused where it says more than may be', async () => {
    using other = tempFolder()
    const path = join(other.path, 'pretty.sock')
    const monitor = [
      '-chardev',
      `socket,id=p,path=${path},server=on,wait=off`,
      '-mon',
      'chardev=p,mode=control,pretty=on',
    ]
    await using _ = await startQemu(other.path, ...monitor)
    await using pretty = await connectQmp({ path }, { maxMessageBytes: 65536 })
    expect(await queryStatus(pretty)).toMatchObject({ isRunning: true })
    await expect(pretty.execute('query-qmp-schema')).rejects.toMatchObject({ code: 'limit' })
    await expect(pretty.closed).resolves.toMatchObject({ code: 'limit' })
  })

  it('fails what waits with `closed` when it is killed', async () => {
    using other = tempFolder()
    await using doomed = await startQemu(other.path)
    const victim = await connectQmp({ path: doomed.path })
    const event = victim.waitForEvent('NEVER').catch((error: unknown) => error)
    const commands = Promise.allSettled(Array.from({ length: 500 }, () => victim.execute('query-qmp-schema')))
    doomed.kill()
    expect(await event).toMatchObject({ code: 'closed' })
    const results = await commands
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'closed' })
    expect(results.at(-1)?.status).toBe('rejected')
    await expect(victim.closed).resolves.toMatchObject({ code: 'closed' })
  })

  it('tells that it quits, and closes', async () => {
    using other = tempFolder()
    await using quitting = await startQemu(other.path)
    await using last = await connectQmp({ path: quitting.path })
    using shutdown = last.expectEvent('SHUTDOWN')
    await last.execute('quit')
    expect((await shutdown.event).data).toMatchObject({ reason: 'host-qmp-quit' })
    await expect(last.closed).resolves.toMatchObject({ code: 'closed' })
    const codeOfConnect = () =>
      connectQmp({ path: quitting.path }).then(
        () => 'open',
        ({ code }: QmpError) => code,
      )
    // Until the process has ended its socket still takes connections, and hangs up on them.
    await expect.poll(codeOfConnect, { timeout: 20_000 }).toBe('connect')
  })
})
