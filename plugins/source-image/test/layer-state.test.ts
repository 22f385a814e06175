import { describe, expect, it } from 'vitest'
import type { DiskLayer } from '../src/disks/disk-content.js'
import { hasFirmStamps, layerIdentity, layerStates } from '../src/tracking/layer-state.js'
import { knownFile, layer, stamp } from './support/layers.js'

const path = '/web/disk.qcow2'

describe('the state of a layer', () => {
  it.each<[what: string, changed: Partial<DiskLayer>]>([
    ['format', { format: 'vhdx' }],
    ['kind', { variant: 'v2' }],
    ['size of the disk', { sizeBytes: 2 << 20 }],
    ['identity', { identity: 'ab' }],
    ['name', { files: [knownFile('/web/other.qcow2')] }],
    ['size of the file', { files: [knownFile(path, { sizeBytes: 1001 })] }],
    ['inode', { files: [knownFile(path, { inode: 8n })] }],
    ['time of the last write', { files: [knownFile(path, { modifiedNs: 1_000_000_124n })] }],
    ['time of the last change', { files: [knownFile(path, { changedNs: 2_000_000_457n })] }],
    ['number of files', { files: [knownFile(path), knownFile('/web/data.raw')] }],
  ])('is another once its %s is, and so are those of all layers above it', (_what, changed) => {
    const [child, parent, grandparent] = [layer({ identity: 'c' }), layer(), layer({ identity: 'g' })]
    const before = layerStates([child, parent, grandparent])
    const after = layerStates([child, { ...parent, ...changed }, grandparent])
    expect(after[2]).toBe(before[2])
    expect(after[1]).not.toBe(before[1])
    expect(after[0]).not.toBe(before[0])
  })

  it('does not depend on the folder, so that a snapshot may be mounted anywhere', () => {
    const moved = layer({ files: [knownFile('/mnt/snapshot-7/web/disk.qcow2')] })
    expect(layerStates([moved])).toEqual(layerStates([layer()]))
  })

  it('tells apart whether there is a parent', () => {
    expect(layerStates([layer(), layer()])[0]).not.toBe(layerStates([layer()])[0])
  })
})

describe('the identity of a layer', () => {
  it('stays whatever is written to its files', () => {
    const written = knownFile(path, { sizeBytes: 5, modifiedNs: 9n, changedNs: 9n })
    expect(layerIdentity(layer({ files: [written] }))).toBe(layerIdentity(layer()))
  })

  it.each<[what: string, changed: Partial<DiskLayer>]>([
    ['inode', { files: [knownFile(path, { inode: 8n })] }],
    ['birth, when the inode was given to a new file', { files: [knownFile(path, { bornNs: 6n })] }],
    ['format', { format: 'raw' }],
    ['data file', { files: [knownFile(path), knownFile('/web/data.raw')] }],
  ])('is another once its %s is', (_what, changed) => {
    expect(layerIdentity({ ...layer(), ...changed })).not.toBe(layerIdentity(layer()))
  })

  it('is not known where the file system keeps no births', () => {
    expect(layerIdentity(layer({ files: [knownFile(path), knownFile('/web/data', { bornNs: 0n })] }))).toBeUndefined()
  })
})

describe('stamps', () => {
  const now = new Date(100_000)
  const at = (ms: number, extraNs = 1n) => stamp({ modifiedNs: 0n, changedNs: BigInt(ms) * 1_000_000n + extraNs })
  it.each<[what: string, firm: boolean, changed: ReturnType<typeof stamp>]>([
    ['of nanoseconds are firm at once', true, at(99_999)],
    ['of whole milliseconds are not, since they may be of whole seconds', false, at(98_000, 0n)],
    ['of whole seconds are firm after 3 s', true, at(96_000, 0n)],
    ['from the future are not, since nobody knows that clock', false, at(100_001)],
  ])('%s', (_what, firm, changed) => {
    expect(hasFirmStamps([layer({ files: [knownFile(path, changed)] })], now)).toBe(firm)
    expect(hasFirmStamps([layer(), layer({ files: [knownFile(path), knownFile(path, changed)] })], now)).toBe(firm)
  })
})
