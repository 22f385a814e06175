import type { NamedSource } from '../bytes/byte-source.js'
import type { ImageLayer } from '../image/layer.js'
import type { Descriptor } from './descriptor.js'
import { fileNames } from './file-names.js'
import { extentProblems, extentRuns, type OpenExtents } from './open-extents.js'
import { sectorBytes } from './sectors.js'

/** Entries of the disk database that people ask for, by their names in `details`. */
const shownEntries: readonly (readonly [entry: string, name: string])[] = [
  ['adaptertype', 'adapterType'],
  ['virtualhwversion', 'hardwareVersion'],
  ['toolsversion', 'toolsVersion'],
  ['toolsinstalltype', 'toolsInstallType'],
  ['thinprovisioned', 'thinProvisioned'],
  ['geometry.cylinders', 'cylinders'],
  ['geometry.heads', 'heads'],
  ['geometry.sectors', 'sectorsPerTrack'],
  ['uuid', 'uuid'],
  ['longcontentid', 'longContentId'],
]

/** Makes the layer of a disk whose extents are open. */
export function vmdkLayer(file: NamedSource, descriptor: Descriptor, { extents, close }: OpenExtents): ImageLayer {
  const { cid, createType, parentCid, parentFileNameHint = '' } = descriptor
  return {
    format: 'vmdk',
    variant: createType,
    sizeBytes: extents.reduce((sum, { extent }) => sum + extent.sizeBytes, 0),
    sectorBytes,
    identity: cid,
    ...(parentCid !== undefined && {
      parent: { names: fileNames(parentFileNameHint), format: 'vmdk', identity: parentCid },
    }),
    details: details(descriptor, extents),
    runs: (offset, length) => extentRuns(extents, offset, length),
    problems: () => extentProblems(extents, file.name),
    close,
  }
}

function details(
  { version, encoding, database, changeTrackPath }: Descriptor,
  extents: OpenExtents['extents'],
): ImageLayer['details'] {
  const grains = new Set(extents.flatMap(({ extent }) => extent.grainBytes ?? []))
  const [grainBytes] = grains
  return {
    descriptorVersion: version,
    encoding,
    extents: extents.length,
    ...(grainBytes !== undefined && grains.size === 1 && { grainBytes }),
    ...Object.fromEntries(extents.flatMap(({ extent }) => Object.entries(extent.details))),
    ...Object.fromEntries(
      shownEntries.flatMap(([entry, name]) => {
        const value = database.get(entry)
        return value === undefined ? [] : [[name, value]]
      }),
    ),
    ...(changeTrackPath !== undefined && { changeTrackPath }),
  }
}
