import { corrupt } from '../image/image-error.js'
import { unsupported } from './vmdk-error.js'

/** Kinds of disk whose bytes are in files, by the name that this package gives them. */
export const fileCreateTypes = [
  'monolithicSparse',
  'monolithicFlat',
  'twoGbMaxExtentSparse',
  'twoGbMaxExtentFlat',
  'streamOptimized',
  'vmfs',
  'vmfsSparse',
  'vmfsThin',
  'vmfsPreallocated',
  'vmfsEagerZeroedThick',
  'seSparse',
  'custom',
] as const

/** A kind of disk that is read. */
export type CreateType = (typeof fileCreateTypes)[number]

/** Kinds whose bytes are on a device: the descriptor only points at it. */
const deviceCreateTypes = [
  'fullDevice',
  'partitionedDevice',
  'vmfsRaw',
  'vmfsRDM',
  'vmfsRawDeviceMap',
  'vmfsRDMP',
  'vmfsPassthroughRawDeviceMap',
]

/** Names that older products wrote. */
const olderNames: Readonly<Record<string, CreateType>> = {
  '2gbmaxextentsparse': 'twoGbMaxExtentSparse',
  '2gbmaxextentflat': 'twoGbMaxExtentFlat',
}

/**
 * Reads `createType` of a descriptor (Virtual Disk Format 5.0, "The Descriptor File", "The Header").
 *
 * @throws ImageError `unsupported` for devices and kinds that are not known, `corrupt` when it is missing
 */
export function parseCreateType(text: string | undefined, file: string): CreateType {
  if (text === undefined || text === '') throw corrupt('its descriptor has no createType', file)
  const wanted = text.toLowerCase()
  const found = fileCreateTypes.find((known) => known.toLowerCase() === wanted) ?? olderNames[wanted]
  if (found !== undefined) return found
  if (deviceCreateTypes.some((known) => known.toLowerCase() === wanted))
    throw onDevice(`its createType is ${text}`, file)
  throw unsupported(`its createType ${text} is not known`, file, `Known are ${fileCreateTypes.join(', ')}.`)
}

/** The error of a disk that is not in files. */
export function onDevice(why: string, file: string): Error {
  return unsupported(
    `${file} is no disk image: ${why}, so that its bytes are on a device or LUN, not in files`,
    file,
    'Back up the device itself, or give the virtual machine a disk that is a file; a raw device mapping in virtual mode can be cloned to one.',
  )
}
