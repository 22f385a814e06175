import { expect, it } from 'vitest'
import { openImage } from '../../src/image/open-image.js'
import { vhdxCodec } from '../../src/vhdx/index.js'
import { memoryFile } from './memory-file.js'
import { guidOf, sealVhdx, type VhdxSpec, type VhdxVector, vhdxImage } from './vhdx-image.js'

const mebibyte = 2 ** 20

/** A rule, broken in a vector: checksums are made right again unless the rule is about them. */
export interface BrokenRule {
  readonly rule: string
  readonly spec?: Partial<VhdxSpec>
  readonly breaks: (bytes: Uint8Array, vector: VhdxVector, view: DataView) => Uint8Array | undefined
  readonly unsealed?: boolean
  readonly code: 'corrupt' | 'unsupported' | 'limit' | 'unknown-format'
  readonly says: RegExp
  /** Byte at which the error points. */
  readonly at?: number
}

/** Tests that each rule is kept, by breaking it. */
export function describeRules(rules: readonly BrokenRule[]): void {
  it.each(rules.map((rule) => [rule.rule, rule] as const))(
    '%s',
    async (_rule, { spec, breaks, unsealed, code, says, at }) => {
      const vector = vhdxImage({
        diskBytes: mebibyte,
        blocks: [{ block: 0, state: 6, data: new Uint8Array(mebibyte).fill(1) }],
        ...spec,
      })
      const { bytes } = vector
      const changed = breaks(bytes, vector, new DataView(bytes.buffer)) ?? bytes
      if (unsealed !== true) sealVhdx(changed)
      const read = async () => {
        const open = async (name: string) => (name === 'parent.vhdx' ? memoryFile(name, parent).named() : undefined)
        await using image = await openImage(memoryFile('disk.vhdx', changed).named(), {
          codecs: [vhdxCodec],
          format: 'vhdx',
          open,
        })
        await image.read(0, new Uint8Array(image.sizeBytes))
      }
      await expect(read()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(says),
        file: 'disk.vhdx',
        ...(at !== undefined && { offset: at }),
      })
    },
  )
}

const parent = vhdxImage({ diskBytes: mebibyte, dataWriteId: guidOf(7) }).bytes

/** A parent locator that is whole. */
export const locator = [
  ['parent_linkage', `{${guidOf(7)}}`],
  ['relative_path', 'parent.vhdx'],
] as const

const tables = [192 * 1024, 256 * 1024]

/** Breaks both copies of the region table. */
export const inTables =
  (at: number, change: (view: DataView, place: number) => void): BrokenRule['breaks'] =>
  (_b, _v, view) => {
    for (const table of tables) change(view, table + at)
    return undefined
  }
/** Changes a field of the metadata region. */
export const inMetadata =
  (at: number, change: (view: DataView, place: number) => void): BrokenRule['breaks'] =>
  (_bytes, { metadataAt }, view) => {
    change(view, metadataAt + at)
    return undefined
  }
/** Sets a field of 16, 32 or 64 bits. */
export const u16 = (value: number) => (view: DataView, at: number) => view.setUint16(at, value, true)
export const u32 = (value: number) => (view: DataView, at: number) => view.setUint32(at, value, true)
export const u64 = (value: bigint) => (view: DataView, at: number) => view.setBigUint64(at, value, true)
/** An entry of the table, of the only block. */
export const entry =
  (value: bigint): BrokenRule['breaks'] =>
  (_bytes, { batAt }, view) => {
    view.setBigUint64(batAt, value, true)
    return undefined
  }
