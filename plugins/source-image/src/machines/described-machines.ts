import { join, posix } from 'node:path'
import type { DescribedDisk, DescribedMachine, OvfFile } from '@holdfast/descriptions'
import type { FolderRules } from '../files/folder-rules.js'
import { printable } from '../printable.js'
import { isOva, readDescriptionFile } from './description-file.js'
import type { DiskPlace } from './disk-place.js'
import type { DiskDescription } from './machine-description.js'
import type { FolderMachine } from './machine-folder.js'

/**
 * Reads the machines that a file describes in a hypervisor's words: VMX, OVF, OVA, the XML of libvirt.
 *
 * @returns `undefined` when it describes none and need not
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_UNAVAILABLE`
 */
export async function readDescribedMachines(
  rules: FolderRules,
  name: string,
): Promise<readonly FolderMachine[] | undefined> {
  const described = await readDescriptionFile(rules, name)
  if (described === undefined) return undefined
  const { machines, files } = described
  const byHref = new Map(files.map((file) => [file.href, file]))
  const path = join(rules.folder, name)
  return machines.map((machine) => {
    const { id, disks: _disks, notes, ...hardware } = machine
    const disks = machine.disks.map((disk) => diskDescription(disk, placeOf(disk, machine, byHref, path)))
    return {
      ref: { id, name: machine.name },
      description: { id, ...hardware },
      disks: { by: 'description', disks },
      notes,
    }
  })
}

function placeOf(
  { id, file }: DescribedDisk,
  { notes }: DescribedMachine,
  files: ReadonlyMap<string, OvfFile>,
  path: string,
): DiskPlace {
  const said = notes
    .filter(({ what }) => what.endsWith(` of disk ${id}`) || what.startsWith(`disk ${id} `))
    .map(({ what, why }) => `${what}: ${why}`)
    .join(' ')
  if (file === undefined) return { kind: 'nowhere', reason: printable(said || 'its description names no file') }
  const { compression, chunkBytes } = files.get(file) ?? {}
  if (compression !== undefined)
    return { kind: 'nowhere', reason: `it is packed by ${printable(compression, 40)}; unpack it` }
  if (chunkBytes !== undefined) return { kind: 'nowhere', reason: 'it is cut into parts; join them' }
  if (isOva(path)) return { kind: 'packed', ova: path }
  return { kind: 'named', by: path, ...(said !== '' && { said: printable(said) }) }
}

function diskDescription(disk: DescribedDisk, at: DiskPlace): DiskDescription {
  const { id, label, bus, bootOrder, file = '', imageFormat, sizeBytes } = disk
  return {
    id,
    // Of an OVA, the name of a member: hrefs are written as paths.
    file: at.kind === 'packed' ? posix.normalize(file) : file,
    at,
    ...(label !== undefined && { label }),
    ...(bus !== undefined && { bus }),
    ...(bootOrder !== undefined && { bootOrder }),
    ...(imageFormat !== undefined && { format: imageFormat }),
    ...(sizeBytes !== undefined && { statedBytes: sizeBytes }),
  }
}
