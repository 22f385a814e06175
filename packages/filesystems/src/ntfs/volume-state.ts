import { fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, isFilesystemError } from '../filesystem-error.js'
import { attributeTypes, utf16Text } from './attribute.js'
import { openAttribute, readAttribute } from './attribute-content.js'
import { attributeOf, attributesOf } from './attribute-set.js'
import { assertVersion } from './boot-sector.js'
import { applyFixups } from './fixups.js'
import { anyUseOf, type NtfsVolume } from './volume.js'

/** What the volume says of itself. */
export interface VolumeState {
  readonly label: string
  /** Windows wants to check it. */
  readonly isDirty: boolean
}

const records = { log: 2, volume: 3 } as const
const dirtyFlag = 0x1
const mostLabelBytes = 256
const restartMagic = 0x5254_5352
const cleanFlag = 0x2
const noClient = 0xffff
const logPageBytes = 4096

/** Reads the label and the flags. @throws FilesystemError `unsupported`, `damaged`, `read` */
export async function readVolumeState(volume: NtfsVolume, options: CallOptions): Promise<VolumeState> {
  const inode = records.volume
  const attributes = await attributesOf(volume, await volume.record(anyUseOf(inode), options), options)
  const information = attributeOf(attributes, attributeTypes.volumeInformation)
  if (information === undefined) throw damaged('the volume has no version', { inode })
  const bytes = await readAttribute(volume, inode, information, mostLabelBytes, options)
  const at = fields(bytes, 'little', 'the version of the volume', { inode })
  assertVersion(at.u8(8), at.u8(9))
  const label = attributeOf(attributes, attributeTypes.volumeName)
  return {
    label: label === undefined ? '' : utf16Text(await readAttribute(volume, inode, label, mostLabelBytes, options)),
    isDirty: (at.u16(10) & dirtyFlag) !== 0,
  }
}

/** Tells whether the log may hold what is not on its place yet. A log that cannot be understood may. @throws FilesystemError `read` */
export async function isLogPending(volume: NtfsVolume, options: CallOptions): Promise<boolean> {
  const inode = records.log
  try {
    const attributes = await attributesOf(volume, await volume.record(anyUseOf(inode), options), options)
    const parts = attributeOf(attributes, attributeTypes.data)
    if (parts === undefined) return true
    const log = await openAttribute(volume, { inode, parts, reader: volume.cached }, options)
    const pages: RestartPage[] = []
    for (const offset of [0, logPageBytes]) {
      const page = new Uint8Array(logPageBytes)
      await log.read(offset, page, options)
      if (offset === 0 && page.every((byte) => byte === 0xff)) return false
      const found = decodeRestartPage(page)
      if (found !== undefined) pages.push(found)
    }
    const latest = pages.toSorted((a, b) => b.sequence - a.sequence)[0]
    return latest?.isClean !== true
  } catch (error) {
    if (isFilesystemError(error) && error.code !== 'read') return true
    throw error
  }
}

interface RestartPage {
  readonly sequence: number
  readonly isClean: boolean
}

/** The log begins with two pages that say how far it is used; the one with the higher sequence number counts. */
function decodeRestartPage(page: Uint8Array): RestartPage | undefined {
  const at = fields(page, 'little', 'the log', { inode: records.log })
  if (at.u32(0) !== restartMagic) return undefined
  applyFixups(page, 'the log', { inode: records.log })
  const area = at.u16(24)
  const isClean = at.u16(area + 12) === noClient || (at.u16(area + 14) & cleanFlag) !== 0
  return { sequence: Number(at.bits64(area)), isClean }
}
