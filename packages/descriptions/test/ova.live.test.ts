import { createHash } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { listOva, ovaParts, partOf, writeManifest, writeOvf } from '../src/index.js'
import { machineFrom, machineWith, placed } from './support/machines.js'
import { memorySource, ovaOf, textBytes } from './support/memory-ova.js'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const longName = `${'sehr lang '.repeat(20)}Größe.vmdk`

function samplePackage() {
  const machine = machineFrom('ovftool.ovf')
  const disks = placed(machine, 'vmdk').map((place, index) => (index === 1 ? { ...place, file: longName } : place))
  const descriptor = textBytes(writeOvf(machine, disks).text)
  const contents = disks.map(({ file }, index) => ({
    name: file,
    bytes: new Uint8Array(70_001 + index).fill(index + 1),
  }))
  const manifest = [{ name: 'db.ovf', bytes: descriptor }, ...contents].map(({ name, bytes }) => ({
    file: name,
    algorithm: 'sha256' as const,
    digest: sha256(bytes),
  }))
  return [
    { name: 'db.ovf', bytes: descriptor },
    { name: 'db.mf', bytes: textBytes(writeManifest(manifest)) },
    ...contents,
  ]
}

describe.skipIf(skipsWithout('python3', 'libxml2-utils'))('an OVA, to tar and Python', () => {
  const { path: folder } = tempFolder(afterAll)
  it('is listed and unpacked by both, in the order of the specification', () => {
    const contents = samplePackage()
    const file = join(folder, 'db.ova')
    writeFileSync(file, ovaOf(contents))
    expect(run('tar', '--quoting-style=literal', '-tf', file).trimEnd().split('\n')).toEqual(
      contents.map(({ name }) => name),
    )
    const out = join(folder, 'out')
    mkdirSync(out)
    run('tar', '-xf', file, '-C', out)
    for (const { name, bytes } of contents) expect(sha256(readFileSync(join(out, name)))).toBe(sha256(bytes))
    run('xmllint', '--noout', join(out, 'db.ovf'))
    const script =
      'import hashlib, json, sys, tarfile\nt = tarfile.open(sys.argv[1])\nprint(json.dumps([[m.name, hashlib.sha256(t.extractfile(m).read()).hexdigest()] for m in t]))'
    expect(JSON.parse(run('python3', '-c', script, file))).toEqual(
      contents.map(({ name, bytes }) => [name, sha256(bytes)]),
    )
  })

  it('with a disk of 9 GiB has the same places for both', () => {
    const sizeBytes = 9 * 1024 ** 3 + 1
    const parts = [
      ...ovaParts([
        { name: 'a.ovf', sizeBytes: 0 },
        { name: 'big.vmdk', sizeBytes },
        { name: 'z.vmdk', sizeBytes: 3 },
      ]),
    ]
    const file = join(folder, 'big.ova')
    const handle = openSync(file, 'w')
    for (const part of parts)
      writeSync(
        handle,
        part.kind === 'bytes' ? part.bytes : textBytes(part.name === 'z.vmdk' ? 'end' : ''),
        0,
        undefined,
        part.offset,
      )
    ftruncateSync(handle, (parts.at(-1)?.offset ?? 0) + 1024)
    closeSync(handle)
    expect(run('tar', '-tvf', file)).toContain(` ${sizeBytes} `)
    const script =
      'import json, sys, tarfile\nt = tarfile.open(sys.argv[1])\nprint(json.dumps([[m.name, m.size, m.offset_data] for m in t]))'
    const places = parts.flatMap((part) => (part.kind === 'content' ? [[part.name, part.sizeBytes, part.offset]] : []))
    expect(JSON.parse(run('python3', '-c', script, file))).toEqual(places)
    expect(run('tar', '-xOf', file, 'z.vmdk')).toBe('end')
  })

  it.each(['ustar', 'gnu', 'oldgnu', 'pax', 'v7'])('made by tar as %s is read in place', async (format) => {
    const names = format === 'ustar' || format === 'v7' ? ['a.ovf', 'disk.vmdk'] : ['a.ovf', longName]
    for (const [index, name] of names.entries())
      writeFileSync(join(folder, name), new Uint8Array(5000 + index).fill(index + 1))
    const file = join(folder, `${format}.tar`)
    run('tar', `--format=${format}`, '-cf', file, '-C', folder, ...names)
    const handle = openSync(file, 'r')
    const source = {
      sizeBytes: statSync(file).size,
      read: async (offset: number, into: Uint8Array) => {
        expect(readSync(handle, into, 0, into.length, offset)).toBe(into.length)
      },
    }
    const members = await listOva(source)
    expect(members.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual(
      names.map((name, index) => [name, 5000 + index]),
    )
    const last = members[1]
    const into = new Uint8Array(5001)
    if (last !== undefined) await partOf(source, last).read(0, into)
    expect(into).toEqual(new Uint8Array(5001).fill(2))
    closeSync(handle)
  })

  it('made by tar with a sparse file is refused, not read wrongly', async () => {
    const sparse = join(folder, 'sparse')
    const handle = openSync(sparse, 'w')
    ftruncateSync(handle, 10_000_000)
    writeSync(handle, 'end', 9_000_000)
    closeSync(handle)
    for (const format of ['gnu', 'pax']) {
      const file = join(folder, `sparse-${format}.tar`)
      run('tar', `--format=${format}`, '-Scf', file, '-C', folder, 'sparse')
      await expect(listOva(memorySource(readFileSync(file)))).rejects.toMatchObject({ code: 'E_SOURCE_INVALID' })
    }
  })

  it('has a descriptor that is well-formed for hostile names', () => {
    const machine = machineWith(['sata'], { name: '<&"\'>]]>\u2028😀', nics: [{ network: '"<&' }] })
    const file = join(folder, 'hostile.ovf')
    writeFileSync(file, writeOvf(machine, placed(machine, 'vmdk')).text)
    run('xmllint', '--noout', file)
  })
})
