import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from 'node:fs'
import { seededBytes } from '@holdfast/testkit/images'
import { fileDigest, mountTmpfs, skipsWithout, skipsWithoutTmpfs } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { finish, run, type ServeSite, type SiteServer, serveSite } from './support/serve-site.js'

const mib = 2 ** 20

describe.skipIf(skipsWithout('qemu-utils', 'libnbd-bin', 'fio'))('a recovery point that is served', () => {
  let site: ServeSite
  let image: string

  beforeAll(() => {
    site = serveSite()
    mkdirSync(site.at('machines', 'web'))
    image = site.at('machines', 'web', 'root.raw')
    // 112 MiB of data in three parts, and 88 MiB of holes.
    const file = openSync(image, 'w')
    writeSync(file, seededBytes(48 * mib, 1), 0, 48 * mib, 0)
    writeSync(file, Buffer.alloc(32 * mib, 'all work and no play '), 0, 32 * mib, 80 * mib)
    writeSync(file, seededBytes(32 * mib, 2), 0, 32 * mib, 150 * mib)
    ftruncateSync(file, 200 * mib)
    closeSync(file)
    site.holdfast('init')
    site.holdfast('run')
  }, 120_000)
  afterAll(() => site?.[Symbol.asyncDispose]())

  const compare = (server: SiteServer) =>
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', image, server.uri('root'))

  it.each([
    ['from a folder', []],
    ['from a target that is 5 ms late with each range', ['-c', 'late.config.mjs']],
  ])('holds what was backed up, as qemu-img, nbdinfo and nbdcopy see it: %s', async (_, more) => {
    await using server = await site.serve('web@latest', '--read-only', ...more)
    expect(await compare(server)).toBe('Images are identical.\n')
    const info = JSON.parse(await run('nbdinfo', '--json', server.uri('root')))
    expect(info.exports[0]).toMatchObject({
      'export-name': 'root',
      'export-size': 200 * mib,
      is_read_only: true,
      can_multi_conn: true,
      contexts: ['base:allocation'],
    })
    const map = JSON.parse(await run('nbdinfo', '--json', '--map', server.uri('root')))
    expect(map.map(({ offset, length, type }: Record<string, number>) => [offset, length, type])).toEqual([
      [0, 48 * mib, 0],
      [48 * mib, 32 * mib, 3],
      [80 * mib, 32 * mib, 0],
      [112 * mib, 38 * mib, 3],
      [150 * mib, 32 * mib, 0],
      [182 * mib, 18 * mib, 3],
    ])
    const copy = site.at('copy.raw')
    await run('nbdcopy', server.uri('root'), copy)
    expect(await fileDigest(copy)).toBe(await fileDigest(image))
    expect(await server.stop()).toBe(0)
  })

  it('says that it can be written, and how', async () => {
    await using server = await site.serve('web@latest')
    const info = JSON.parse(await run('nbdinfo', '--json', server.uri('root')))
    const can = {
      can_trim: true,
      can_zero: true,
      can_fast_zero: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
    }
    expect(info.exports[0]).toMatchObject({ is_read_only: false, ...can })
  })

  it('takes what qemu-io writes into the overlay, and not a byte of the repository changes', async () => {
    const before = site.vaultDigest()
    await using server = await site.serve('web@latest')
    const commands = [
      'write -P 0xab 1M 3M',
      'write -P 0xcd 123456 789',
      'write -z 30M 1M',
      'write -zu 40M 5M',
      'discard 81M 2M',
      'write -f -P 0xef 199M 1M',
      'flush',
      'read -P 0xab 1M 3M',
      'read -P 0xcd 123456 789',
      'read -P 0 30M 1M',
      'read -P 0 40M 5M',
      'read -P 0 81M 2M',
      'read -P 0xef 199M 1M',
    ]
    const printed = await run('qemu-io', '-f', 'raw', ...commands.flatMap((one) => ['-c', one]), server.uri('root'))
    expect(printed).not.toMatch(/failed|error/i)
    const map = JSON.parse(await run('nbdinfo', '--json', '--map', server.uri('root')))
    expect(map.find(({ offset }: { offset: number }) => offset === 40 * mib)).toMatchObject({
      length: 5 * mib,
      type: 3,
    })
    await expect(compare(server)).rejects.toThrow(/mismatch/)
    expect(await server.stop()).toBe(0)
    expect(site.vaultDigest()).toBe(before)
    await using again = await site.serve('web@latest')
    expect(await compare(again)).toBe('Images are identical.\n')
  })

  it('reads back what fio wrote at random, from several clients at once', async () => {
    await using server = await site.serve('web@latest', '--cache', '16MiB')
    const common = ['--ioengine=nbd', `--uri=${server.uri('root')}`, '--iodepth=16', '--thread', '--group_reporting']
    const jobs = [
      '--name=w',
      '--rw=randwrite',
      '--bsrange=512-96k',
      '--bs_unaligned=1',
      '--numjobs=3',
      '--size=24m',
      '--offset_increment=40m',
    ]
    const verify = ['--verify=crc32c', '--do_verify=1', '--verify_fatal=1', '--verify_state_save=0', '--fsync=50']
    expect(await run('fio', ...common, ...jobs, ...verify)).toMatch(/err= 0/)
  })

  it('keeps its memory within bounds under a hundred readers', async () => {
    await using server = await site.serve('web@latest', '--read-only', '--cache', '32MiB')
    const read = (jobs: number) =>
      run(
        'fio',
        ...['--ioengine=nbd', `--uri=${server.uri('root')}`, '--name=r', '--rw=randread', '--bs=4k', '--iodepth=4'],
        ...['--thread', `--numjobs=${jobs}`, '--size=200m', '--io_size=256k', '--group_reporting', '--norandommap'],
      )
    await read(10)
    const few = peakMiB(server.pid)
    await read(100)
    const many = peakMiB(server.pid)
    process.stdout.write(`peak memory: ${few} MiB with 10 readers, ${many} MiB with 100, cache 32 MiB\n`)
    expect(many).toBeLessThan(400)
    expect(many - few).toBeLessThan(120)
  })

  it('lets go of all that a client held who is killed', async () => {
    await using server = await site.serve('web@latest', '-c', 'late.config.mjs')
    await compare(server)
    const before = openSockets(server.pid)
    for (let i = 0; i < 5; i++) {
      const client = spawn('nbdcopy', [server.uri('root'), 'null:'], { stdio: 'ignore' })
      // It may have ended by itself before.
      const ended = once(client, 'exit')
      await new Promise((resolve) => setTimeout(resolve, 60 + 30 * i))
      client.kill('SIGKILL')
      await ended
    }
    // That of the comparison may still have been there before.
    await expect.poll(() => openSockets(server.pid), { timeout: 60_000 }).toBeLessThanOrEqual(before)
    expect(await compare(server)).toBe('Images are identical.\n')
    expect(await server.stop()).toBe(0)
  })

  it.skipIf(skipsWithoutTmpfs())('tells a client that there is no room for what it writes, and goes on', async () => {
    using _tmpfs = mountTmpfs(site.at('small'), '4m')
    await using server = await site.serve('web@latest', '--overlay', site.at('small', 'overlay'))
    const write = await finish('qemu-io', ['-f', 'raw', '-c', 'write -P 1 0 8M', server.uri('root')])
    expect(write.output).toContain('No space left on device')
    const after = await run('qemu-io', '-f', 'raw', '-c', 'read 100M 8M', '-c', 'write -zu 100M 1M', server.uri('root'))
    expect(after).not.toContain('failed')
    expect(server.printed()).toMatch(/warning: There is no room left in \S+small\S* for what is written to the disk/)
    await server.stop()
  })
})

function peakMiB(pid: number): number {
  const [, kib = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((name) => linkOf(`${folder}/${name}`).startsWith('socket:')).length
}

/** What a descriptor stands for; it may be closed by now. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
