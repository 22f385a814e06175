import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { skipsWithout } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, type Workplace, workplace } from './support/workplace.js'

const mebibyte = 2 ** 20
const depth = 10

describe.skipIf(skipsWithout('qemu-utils'))('disk images', () => {
  let place: Workplace
  const path = (name: string) => join(place.folder, name)
  const qemu = (program: 'qemu-img' | 'qemu-io', ...args: string[]) =>
    execFileSync(program, args, { cwd: place.folder, encoding: 'utf8' })

  beforeAll(async () => {
    place = await workplace()
    qemu('qemu-img', 'create', '-q', '-f', 'qcow2', 'chain-0.qcow2', '16M')
    for (let layer = 0; layer <= depth; layer++) {
      const [image, parent] = [`chain-${layer}.qcow2`, `chain-${layer - 1}.qcow2`]
      if (layer > 0) qemu('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', parent, '-F', 'qcow2', image)
      qemu('qemu-io', '-f', 'qcow2', '-c', `write -q -P ${layer + 1} ${layer}M 1M`, image)
    }
    qemu('qemu-img', 'convert', '-O', 'raw', `chain-${depth}.qcow2`, 'chain.raw')
  })
  afterAll(() => place[Symbol.asyncDispose]())

  it('info names each file of a chain, and answers soon', async () => {
    const started = performance.now()
    const { exitCode, stdout } = await place.holdfast(['image', 'info', `chain-${depth}.qcow2`])
    process.stdout.write(`image info of ${depth} parents: ${Math.round(performance.now() - started)} ms\n`)
    expect(exitCode).toBe(0)
    for (let layer = 0; layer <= depth; layer++) expect(stdout).toContain(`chain-${layer}.qcow2`)
    const { stdout: json } = await place.holdfast(['image', 'info', '--json', `chain-${depth}.qcow2`])
    const info = JSON.parse(json)
    expect(info.sizeBytes).toBe(16 * mebibyte)
    expect(
      info.layers.map(({ file, format }: { file: string; format: string }) => [file.split('/').at(-1), format]),
    ).toEqual(Array.from({ length: depth + 1 }, (_, i) => [`chain-${depth - i}.qcow2`, 'qcow2']))
  })

  it('map says which file holds what, as qemu-img does', async () => {
    const { exitCode, stdout } = await place.holdfast(['image', 'map', '--json', `chain-${depth}.qcow2`])
    expect(exitCode).toBe(0)
    const lines = jsonLines(stdout)
    const ours = lines.flatMap(({ type, kind, offset, length, depth: layer }) =>
      type === 'extent' && kind === 'data' ? [{ start: offset, length, depth: layer }] : [],
    )
    const theirs: { start: number; length: number; depth: number; data: boolean }[] = JSON.parse(
      qemu('qemu-img', 'map', '--output=json', `chain-${depth}.qcow2`),
    )
    expect(ours).toEqual(
      theirs.flatMap(({ start, length, depth: layer, data }) => (data ? [{ start, length, depth: layer }] : [])),
    )
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      command: 'image map',
      bytes: { data: (depth + 1) * mebibyte },
    })
  })

  it('check finds nothing in what is whole, and damage in what is not', async () => {
    const whole = await place.holdfast(['image', 'check', `chain-${depth}.qcow2`])
    expect([whole.exitCode, whole.stdout.trim().split('\n').at(-1)]).toEqual([
      0,
      `${depth + 1} files checked, no damage`,
    ])
    qemu('qemu-img', 'convert', '-O', 'qcow2', 'chain.raw', 'damaged.qcow2')
    const bytes = readFileSync(path('damaged.qcow2'))
    // The first entry of the refcount table leads to nowhere.
    const refcountTable = Number(bytes.readBigUInt64BE(48))
    bytes.writeBigUInt64BE(2n ** 40n, refcountTable)
    writeFileSync(path('damaged.qcow2'), bytes)
    const damaged = await place.holdfast(['image', 'check', '--json', 'damaged.qcow2'])
    expect(damaged.exitCode).toBe(1)
    const document = JSON.parse(damaged.stdout)
    expect(document.ok).toBe(false)
    expect(document.problems.length).toBeGreaterThan(0)
  })

  it.each([
    ['out.raw', [], 'raw'],
    ['out.qcow2', [], 'qcow2'],
    ['small.qcow2', ['--compress'], 'qcow2'],
    ['out.vmdk', [], 'vmdk'],
    ['stream.vmdk', ['--compress'], 'vmdk'],
    ['flat.vmdk', ['--variant', 'monolithicFlat'], 'vmdk'],
    ['out.vhd', [], 'vpc'],
    ['fixed.vhd', ['--variant', 'fixed'], 'vpc'],
    ['out.vhdx', [], 'vhdx'],
    ['image', ['--as', 'vhdx'], 'vhdx'],
  ])('convert makes %s %j, equal for qemu-img', async (name, options, qemuFormat) => {
    const { exitCode, stdout, stderr } = await place.holdfast(['convert', ...options, `chain-${depth}.qcow2`, name])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toContain('11 MiB read')
    qemu('qemu-img', 'compare', '-f', 'raw', '-F', qemuFormat, 'chain.raw', name)
    const { exitCode: back } = await place.holdfast([
      'convert',
      ...(name === 'image' ? ['--from', 'vhdx'] : []),
      name,
      `${name}.raw`,
    ])
    expect(back).toBe(0)
    expect(readFileSync(path(`${name}.raw`)).equals(readFileSync(path('chain.raw')))).toBe(true)
  })

  it('convert rounds an odd size up where a format has whole sectors only, and says so', async () => {
    writeFileSync(path('odd.raw'), Buffer.alloc(1_000_001, 7))
    const { exitCode, stderr } = await place.holdfast(['convert', 'odd.raw', 'odd.vhdx'])
    expect(exitCode).toBe(0)
    expect(stderr).toContain('1000448')
    truncateSync(path('odd.raw'), 1_000_448)
    qemu('qemu-img', 'compare', '-f', 'raw', '-F', 'vhdx', 'odd.raw', 'odd.vhdx')
  })

  it.each([
    ['an output that is there', ['convert', 'chain.raw', 'chain-0.qcow2'], 1, 'E_PLACEMENT'],
    ['an output of no format', ['convert', 'chain.raw', 'out.iso'], 2, 'E_USAGE'],
    ['a format that is none', ['convert', '--as', 'vdi', 'chain.raw', 'out.vdi'], 2, 'E_USAGE'],
    ['a variant that is none', ['convert', '--variant', 'striped', 'chain.raw', 'never.vmdk'], 2, 'E_UNSUPPORTED'],
    ['what cannot be compressed', ['convert', '--compress', 'chain.raw', 'never.vhd'], 2, 'E_UNSUPPORTED'],
    ['a missing input', ['convert', 'missing.vhd', 'never.raw'], 1, 'E_SOURCE_READ'],
    ['an input that is no image', ['image', 'info', 'holdfast.yaml'], 1, 'E_SOURCE_INVALID'],
    ['an input that is another format', ['image', 'map', '--from', 'vhd', 'chain-0.qcow2'], 1, 'E_SOURCE_INVALID'],
    ['a parent that is missing', ['image', 'info', 'orphan.qcow2'], 1, 'E_SOURCE_INVALID'],
    ['a parent outside the folder', ['image', 'info', 'below/escape.qcow2'], 1, 'E_SOURCE_DENIED'],
  ])('%s is refused and leaves nothing', async (_what, args, exit, code) => {
    if (!readdirSync(place.folder).includes('orphan.qcow2')) {
      qemu('qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', 'gone.qcow2', '-F', 'qcow2', 'orphan.qcow2', '1M')
      execFileSync('mkdir', [path('below')])
      qemu('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', '../chain-0.qcow2', '-F', 'qcow2', 'below/escape.qcow2')
    }
    const before = readdirSync(place.folder)
    const { exitCode, stderr } = await place.holdfast(args)
    expect(stderr).toContain(`[${code}]`)
    expect(exitCode).toBe(exit)
    expect(readdirSync(place.folder)).toEqual(before)
  })

  it('a parent in another folder is read when that folder is allowed', async () => {
    const { exitCode, stdout } = await place.holdfast(['image', 'info', '--parents-in', '.', 'below/escape.qcow2'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('chain-0.qcow2')
  })

  it('a conversion that is stopped leaves nothing', async () => {
    writeFileSync(path('large.raw'), '')
    truncateSync(path('large.raw'), 2 ** 40)
    const before = readdirSync(place.folder)
    // A sparse terabyte that a limit of file size ends: the disk is full for all that convert can tell.
    const ended = spawnSync(
      'sh',
      [
        '-c',
        `ulimit -f 2048; exec node "$0" convert chain.raw stopped.raw`,
        join(import.meta.dirname, '../bin/holdfast.js'),
      ],
      { cwd: place.folder, encoding: 'utf8' },
    )
    expect(ended.status).toBe(1)
    expect(ended.stderr).toContain('[E_PLACEMENT]')
    expect(readdirSync(place.folder)).toEqual(before)
    expect(statSync(path('chain.raw')).size).toBe(16 * mebibyte)
  })
})
