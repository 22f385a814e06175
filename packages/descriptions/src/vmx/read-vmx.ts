import type { NicSpec } from '@holdfast/core'
import { boundedNotes } from '../bounded-notes.js'
import type { DescribedMachine, DescriptionInput, Note, ReadOptions } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { machineId, macOf, uuidOf } from '../identity.js'
import { limits } from '../limits.js'
import { printableList } from '../printable.js'
import { parseVmx, type VmxDictionary } from './vmx-dictionary.js'
import { vmxDisks } from './vmx-disks.js'
import { type VmxReader, vmxReader } from './vmx-reader.js'

const mebibyte = 1024 * 1024

/**
 * Reads a VMX file, as ESXi, Workstation, Fusion and Player write it.
 *
 * Bytes are decoded as the file's `.encoding` says; without one, as UTF-8 or else Windows-1252.
 *
 * @throws BackupError `E_SOURCE_INVALID` for text that is no VMX, a key with two values, an encrypted machine
 */
export function readVmx(input: DescriptionInput, options: ReadOptions = {}): DescribedMachine {
  const dictionary = parseVmx(input)
  const reader = vmxReader(dictionary)
  refuseEncrypted(dictionary)
  const { disks, notes: diskNotes } = vmxDisks(dictionary, reader)
  const { nics, notes: nicNotes } = vmxNics(dictionary, reader)
  const uuid = uuidOf(reader.text('uuid.bios'))
  const name = reader.text('displayName') ?? options.name ?? uuid ?? 'machine'
  const cpus = reader.count('numvcpus')
  const memoryMebibytes = reader.count('memsize')
  // Read silently: they say how to read the file, not what the machine is.
  for (const key of ['.encoding', 'config.version']) reader.text(key)
  return {
    id: machineId(uuid, name),
    name,
    firmware: firmwareOf(reader),
    cpus: cpus ?? 1,
    ...(memoryMebibytes !== undefined && { memoryBytes: memoryMebibytes * mebibyte }),
    disks,
    nics,
    native: { format: 'vmx', text: dictionary.text },
    notes: boundedNotes([
      ...textNotes(dictionary),
      ...machineNotes(dictionary, reader),
      ...diskNotes,
      ...nicNotes,
      ...reader.unread(),
    ]),
  }
}

// Workstation encrypts all but a few keys; what is left would look like a machine without disks.
function refuseEncrypted({ entries }: VmxDictionary): void {
  const sealed = entries.get('encryption.data')
  if (sealed === undefined || entries.has('memsize')) return
  throw invalidDescription(
    'vmx',
    'the machine is encrypted, so its disks and settings cannot be read',
    { line: sealed.line, element: sealed.key },
    'Decrypt the machine in VMware, or describe it in machine.json.',
  )
}

function firmwareOf(reader: VmxReader): 'bios' | 'uefi' {
  const firmware = reader.text('firmware')?.toLowerCase() ?? 'bios'
  if (firmware === 'efi') return 'uefi'
  if (firmware === 'bios') return 'bios'
  throw invalidDescription('vmx', "the firmware must be 'bios' or 'efi'", { element: 'firmware' }, 'Correct the value.')
}

function vmxNics(
  { entries }: VmxDictionary,
  reader: VmxReader,
): { readonly nics: readonly NicSpec[]; readonly notes: readonly Note[] } {
  const numbers = new Set<number>()
  for (const key of entries.keys()) {
    const match = /^ethernet(0|[1-9][0-9]{0,2})\./.exec(key)
    if (match !== null) numbers.add(Number(match[1]))
  }
  const nics: NicSpec[] = []
  const notes: Note[] = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const key = (setting: string) => `ethernet${number}.${setting}`
    if (reader.flag(key('present')) !== true) {
      notes.push({
        what: `network card ethernet${number}`,
        where: reader.where(reader.takeAll(key(''))),
        why: 'It is not present.',
      })
      continue
    }
    const type = reader.text(key('addressType'))?.toLowerCase()
    const macAddress = macOf(type === 'static' ? reader.text(key('address')) : reader.text(key('generatedAddress')))
    const connection = reader.text(key('connectionType'))
    const network = reader.text(key('networkName')) ?? reader.text(key('vnet')) ?? connection
    const model = reader.text(key('virtualDev'))
    nics.push({
      ...(macAddress !== undefined && { macAddress }),
      ...(network !== undefined && { network }),
      ...(model !== undefined && { model }),
    })
    if (nics.length > limits.devices) {
      throw invalidDescription(
        'vmx',
        `it has more than ${limits.devices} network cards`,
        {},
        'Give a description of a machine.',
      )
    }
  }
  return { nics, notes }
}

function textNotes({ encoding, isEncodingGuess, repeated }: VmxDictionary): readonly Note[] {
  const notes = repeated.map((entry) => ({
    what: `key ${entry.key} is given again`,
    where: `${entry.key} (line ${entry.line})`,
    why: 'The value is the same, so nothing is lost.',
  }))
  if (!isEncodingGuess) return notes
  const why = `The file states none and is not UTF-8: read as ${encoding}. Names may be wrong if it was written elsewhere.`
  return [{ what: 'encoding', where: 'the whole file', why }, ...notes]
}

function machineNotes({ entries }: VmxDictionary, reader: VmxReader): readonly Note[] {
  const known: readonly (readonly [what: string, keys: readonly string[], why: string])[] = [
    ['operating system of the guest', ['guestOS'], 'The neutral model does not say what runs in a machine.'],
    ['secure boot', ['uefi.secureBoot.enabled'], 'Restored to another hypervisor, the machine boots without it.'],
    [
      'virtual TPM',
      ['vtpm.present', 'managedVM.autoAddVTPM'],
      'Its secrets are not in the disks: have the recovery keys of BitLocker or LUKS at hand.',
    ],
    ['encryption', ['encryption.keySafe', 'encryption.data'], 'The keys are not in the disks.'],
    [
      'settings of the firmware',
      ['nvram'],
      'They are in a file of its own, with UEFI boot entries; a machine without it boots by the default path.',
    ],
    ['saved state', ['checkpoint.vmState'], 'Memory is not backed up; the restored machine starts from its disks.'],
  ]
  return known.flatMap(([what, keys, why]) => {
    const present = keys.filter((key) => entries.has(key.toLowerCase()))
    const values = present.flatMap((key) => reader.text(key) ?? []).filter((value) => value.toLowerCase() !== 'false')
    return values.length === 0
      ? []
      : [{ what: `${what}: ${printableList(values, 1)}`, where: reader.where(present), why }]
  })
}
