import { expect, it } from 'vitest'
import { connectNbd, type NbdExport } from '../src/index.js'
import { memoryExport } from '../src/testing/index.js'
import { describeLive, digest, finish, libnbdShell, run } from './support/programs.js'
import { type Serving, serving, until } from './support/serving.js'
import { pattern } from './support/to-array.js'

const mib = 2 ** 20
const sizeBytes = 8 * mib
const call = { signal: new AbortController().signal }

async function filledDisk(overrides: Partial<NbdExport> = {}) {
  const disk = memoryExport(sizeBytes, { name: 'disk', ...overrides })
  await disk.write?.(mib, pattern(2 * mib, 3), call)
  return disk
}

/** The server goes on and shows what it has. */
async function expectHealthy(it: Serving, expected: Uint8Array): Promise<void> {
  await until(() => it.server.connections().length === 0)
  await using client = await connectNbd(it.address)
  const all = new Uint8Array(sizeBytes)
  await client.read(0, all)
  expect(digest(all)).toBe(digest(expected))
}

/** Runs Python with libnbd in it. */
async function nbdsh(it: Serving, ...script: readonly string[]): Promise<string> {
  return await run(...libnbdShell, [`uri = "${it.uri('disk')}"`, ...script].join('\n'))
}

/** Tells which error a call makes. */
const tellErrors = `
def told(call):
    try:
        call()
        return "fine"
    except nbd.Error as error:
        return error.errno
`

describeLive('server, with libnbd that checks nothing', () => {
  it('refuses odd requests by number, and goes on', async () => {
    const disk = await filledDisk()
    await using it = await serving({ exports: [disk], maxRequestBytes: mib })
    const before = digest(disk.bytes)
    const output = await nbdsh(
      it,
      tellErrors,
      'h.set_strict_mode(0)',
      'h.add_meta_context("base:allocation")',
      'h.connect_uri(uri)',
      `end = ${sizeBytes}`,
      'print(told(lambda: h.pread(512, end)))',
      'print(told(lambda: h.pread(512, 2**62)))',
      `print(told(lambda: h.pread(${mib + 1}, 0)))`,
      'print(told(lambda: h.pread(512, 0, 0x80)))',
      'print(told(lambda: h.pwrite(bytes(512), end - 511)))',
      'print(told(lambda: h.pwrite(bytes(512), 0, 0x8000)))',
      'print(told(lambda: h.zero(512, end)))',
      'print(told(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)))',
      'print(told(lambda: h.trim(512, end)))',
      'print(told(lambda: h.cache(512, 0)))',
      'print(told(lambda: h.block_status(0, 0, lambda *all: 0)))',
      'print(told(lambda: h.block_status(512, end, lambda *all: 0)))',
      `print(len(h.pread(${mib}, ${mib})), h.aio_is_dead())`,
    )
    const refused = 'EINVAL EINVAL EINVAL EINVAL ENOSPC EINVAL ENOSPC EINVAL EINVAL EINVAL EINVAL EINVAL'
    expect(output.trim().split('\n')).toEqual([...refused.split(' '), `${mib} False`])
    expect(digest(disk.bytes)).toBe(before)
    await expectHealthy(it, disk.bytes)
    expect(it.complaints).toEqual([])
  })

  it('refuses every change of a read-only export', async () => {
    const disk = await filledDisk({ readOnly: true })
    await using it = await serving({ exports: [disk] })
    const before = digest(disk.bytes)
    const output = await nbdsh(
      it,
      tellErrors,
      'h.set_strict_mode(0)',
      'h.connect_uri(uri)',
      'print(told(lambda: h.pwrite(bytes(512), 0)))',
      'print(told(lambda: h.zero(512, 0)))',
      'print(told(lambda: h.trim(512, 0)))',
    )
    expect(output.trim().split('\n')).toEqual(['EPERM', 'EPERM', 'EPERM'])
    expect(digest(disk.bytes)).toBe(before)
  })

  it.each([1, 2, 3])('answers a storm of random requests, each once (seed %i)', async (seed) => {
    const disk = await filledDisk()
    await using it = await serving({ exports: [disk], maxInFlightBytes: mib })
    const output = await nbdsh(
      it,
      'import random',
      `random.seed(${seed})`,
      'h.set_strict_mode(0)',
      'h.add_meta_context("base:allocation")',
      `h.set_request_structured_replies(${seed === 3 ? 'False' : 'True'})`,
      'h.connect_uri(uri)',
      `end = ${sizeBytes}`,
      'answered = 0',
      'def done(error):',
      '    global answered',
      '    answered += 1',
      '    return 1',
      'for _ in range(1500):',
      '    offset = random.choice([random.randrange(end), random.randrange(end, 2**63)]) ',
      '    count = random.choice([0, 1, 512, random.randrange(1, 200000)])',
      '    flags = random.choice([0, 0, 1 << random.randrange(16), random.randrange(2**16)])',
      '    pick = random.randrange(7)',
      '    if pick == 0: h.aio_pread(nbd.Buffer(count), offset, done, flags)',
      '    if pick == 1: h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(count)), offset, done, flags)',
      '    if pick == 2: h.aio_trim(count, offset, done, flags)',
      '    if pick == 3: h.aio_zero(count, offset, done, flags)',
      '    if pick == 4: h.aio_flush(done, flags)',
      '    if pick == 5: h.aio_cache(count, offset, done, flags)',
      '    if pick == 6: h.aio_block_status(count, offset, lambda *all: 0, done, flags)',
      '    while h.aio_in_flight() > 60: h.poll(-1)',
      'while h.aio_in_flight() > 0: h.poll(-1)',
      'print(answered, h.aio_is_ready())',
      'h.shutdown()',
    )
    expect(output.trim()).toBe('1500 True')
    await expectHealthy(it, disk.bytes)
    expect(it.complaints).toEqual([])
  })

  it('writes nothing of a write that its client did not finish', async () => {
    const disk = await filledDisk()
    await using it = await serving({ exports: [disk] })
    const before = digest(disk.bytes)
    const script = [
      `uri = "${it.uri('disk')}"`,
      'import os, signal',
      'h.connect_uri(uri)',
      `data = nbd.Buffer.from_bytearray(bytearray(b"x" * ${sizeBytes}))`,
      'h.aio_pwrite(data, 0)',
      'os.kill(os.getpid(), signal.SIGKILL)',
    ]
    for (let round = 0; round < 3; round++) expect((await finish(...libnbdShell, script.join('\n'))).status).toBe(null)
    await expectHealthy(it, disk.bytes)
    expect(digest(disk.bytes)).toBe(before)
  })

  it('serves 100 handles of one process at once', async () => {
    const disk = await filledDisk()
    await using it = await serving({ exports: [disk] })
    const output = await nbdsh(
      it,
      'all = [nbd.NBD() for _ in range(100)]',
      'for one in all: one.connect_uri(uri)',
      `buffers = [nbd.Buffer(${2 * mib}) for _ in all]`,
      `for one, buffer in zip(all, buffers): one.aio_pread(buffer, ${mib})`,
      'for one in all:',
      '    while one.aio_in_flight() > 0: one.poll(-1)',
      '    cookie = one.aio_peek_command_completed()',
      '    assert one.aio_command_completed(cookie)',
      'import hashlib',
      'print(len(set(hashlib.sha256(buffer.to_bytearray()).hexdigest() for buffer in buffers)))',
      'print(hashlib.sha256(buffers[99].to_bytearray()).hexdigest())',
    )
    expect(output.trim().split('\n')).toEqual(['1', digest(pattern(2 * mib, 3))])
    await expectHealthy(it, disk.bytes)
  })
})

describeLive('server, with fio', () => {
  it('gives back what several jobs wrote at random, as their checksums tell', async () => {
    const disk = await filledDisk()
    await using it = await serving({ exports: [disk] })
    const output = await run(
      'fio',
      ...['--name=holdfast', '--ioengine=nbd', `--uri=${it.uri('disk')}`, '--output-format=json'],
      ...['--rw=randwrite', '--bsrange=4k-64k', '--bs_unaligned=0', '--iodepth=16'],
      ...['--numjobs=2', '--size=4m', '--offset_increment=4m', '--randseed=7'],
      ...['--verify=crc32c', '--verify_fatal=1', '--verify_state_save=0', '--do_verify=1'],
    )
    const report: {
      readonly jobs: readonly {
        readonly error: number
        readonly read: { readonly io_bytes: number }
        readonly write: { readonly io_bytes: number }
      }[]
    } = JSON.parse(output.slice(output.indexOf('{')))
    expect(report.jobs.map(({ error }) => error)).toEqual([0, 0])
    for (const { read, write } of report.jobs) {
      expect(write.io_bytes).toBe(4 * mib)
      expect(read.io_bytes).toBe(4 * mib)
    }
    const written = disk.calls.filter(({ method }) => method === 'write')
    expect(written.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThanOrEqual(8 * mib)
    await until(() => it.server.connections().length === 0)
    expect(it.complaints).toEqual([])
  })
})
