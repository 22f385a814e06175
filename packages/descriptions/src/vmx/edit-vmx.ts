import type { Machine } from '@holdfast/core'
import type { RestoredDisk } from '../attach-disks.js'
import type { DescribedDisk } from '../described-machine.js'
import { mappedNetwork } from '../guest-values.js'
import { printable } from '../printable.js'
import type { Mapping, WriteOptions, WrittenDescription } from '../written-description.js'
import { readVmx } from './read-vmx.js'
import { parseVmx, splitVmxLine, type VmxDictionary, vmxLines } from './vmx-dictionary.js'
import { attachments } from './vmx-disks.js'
import { diskSettings, refuseOtherFormats } from './vmx-settings.js'
import { encodeVmxValue } from './vmx-text.js'

const mebibyte = 1024 * 1024

// Files that are not backed up: what refers to them would keep the machine from starting, or touch the original's.
const stateKeys = ['checkpoint.vmState', 'sched.swap.derivedName', 'migrate.hostlog']
const identityKeys = ['uuid.bios', 'uuid.location', 'vc.uuid', 'vm.genid', 'vm.genidX']

/** Changes to a VMX file; keys in lower case, `undefined` removes. */
type Changes = Map<string, { readonly key: string; readonly value: string } | undefined>

/**
 * Puts name, disks and whatever differs into a VMX file and leaves all else as it is.
 *
 * @throws BackupError `E_SOURCE_INVALID` when the native text is no VMX
 */
export function editVmx(
  native: string,
  machine: Machine,
  disks: readonly RestoredDisk[],
  options: WriteOptions,
): WrittenDescription {
  const dictionary = parseVmx(native)
  const before = readVmx(native)
  const changes: Changes = new Map()
  const set = (key: string, value: string) => changes.set(key.toLowerCase(), { key, value })
  const report: Mapping[] = []

  if (machine.name !== before.name) set('displayName', machine.name)
  if (machine.cpus !== undefined && machine.cpus !== before.cpus) set('numvcpus', String(machine.cpus))
  if (machine.firmware !== undefined && machine.firmware !== before.firmware)
    set('firmware', machine.firmware === 'uefi' ? 'efi' : 'bios')
  if (machine.memoryBytes !== undefined && machine.memoryBytes !== before.memoryBytes) {
    set('memsize', String(Math.max(4, Math.ceil(machine.memoryBytes / mebibyte / 4) * 4)))
  }

  for (const disk of disks) refuseOtherFormats(disk)
  const restored = new Map(disks.map((disk) => [String(disk.spec.id), disk]))
  for (const { id, file } of before.disks) {
    const disk = restored.get(id)
    if (disk === undefined) {
      remove(dictionary, changes, `${id}.`)
      report.push({
        what: `disk ${id}`,
        from: printable(file ?? ''),
        to: 'removed',
        why: 'It is not among the restored disks.',
      })
      continue
    }
    restored.delete(id)
    set(`${id}.fileName`, disk.place.file)
    if (dictionary.entries.get(`${id}.redo`)?.value) changes.set(`${id}.redo`, undefined)
  }
  const taken = new Set(attachments(dictionary).map(({ name }) => name))
  const added = diskSettings(onKnownControllers([...restored.values()], before.disks), 'keep', taken)
  // The order of the disks that the file knows stays.
  for (const [key, value] of added.value) if (key !== 'bios.hddOrder') set(key, value)
  report.push(...added.report)
  for (const { spec } of restored.values()) {
    report.push({
      what: `disk ${spec.id}`,
      from: 'not in the VMX',
      to: 'attached',
      why: 'The native description does not know it.',
    })
  }

  for (const key of stateKeys) {
    const entry = dictionary.entries.get(key.toLowerCase())
    if (entry === undefined || entry.value === '') continue
    changes.set(key.toLowerCase(), undefined)
    report.push({
      what: entry.key,
      from: printable(entry.value),
      to: 'removed',
      why: 'It names a file of the original that is not backed up.',
    })
  }
  report.push(...identityChanges(dictionary, changes, options), ...networkChanges(dictionary, changes, options))
  return { text: edited(dictionary, changes), report }
}

// The guest has the driver of the controller that its other disks are on.
function onKnownControllers(disks: readonly RestoredDisk[], known: readonly DescribedDisk[]): readonly RestoredDisk[] {
  const model = known.find(({ bus, controller }) => bus === 'scsi' && controller?.model !== undefined)?.controller
    ?.model
  if (model === undefined) return disks
  return disks.map(({ spec, place }) => ({ spec, place: { controllerModel: model, ...place } }))
}

function remove({ entries }: VmxDictionary, changes: Changes, prefix: string): void {
  for (const key of entries.keys()) if (key.startsWith(prefix)) changes.set(key, undefined)
}

function identityChanges({ entries }: VmxDictionary, changes: Changes, { identity }: WriteOptions): readonly Mapping[] {
  if (identity !== 'new') return []
  const report: Mapping[] = []
  for (const [key, entry] of entries) {
    const isUuid = identityKeys.some((name) => name.toLowerCase() === key)
    const nic = /^(ethernet[0-9]{1,3})\.(?:address|generatedaddress|generatedaddressoffset)$/.exec(key)?.[1]
    if (!isUuid && nic === undefined) continue
    changes.set(key, undefined)
    if (nic !== undefined) changes.set(`${nic}.addresstype`, { key: `${nic}.addressType`, value: 'generated' })
    report.push({
      what: entry.key,
      from: printable(entry.value),
      to: 'generated',
      why: 'A new identity was asked for.',
    })
  }
  return report
}

function networkChanges({ entries }: VmxDictionary, changes: Changes, options: WriteOptions): readonly Mapping[] {
  const report: Mapping[] = []
  for (const [key, entry] of entries) {
    if (!/^ethernet[0-9]{1,3}\.networkname$/.test(key)) continue
    const network = mappedNetwork(entry.value, options)
    if (network === undefined || network === entry.value) continue
    changes.set(key, { key: entry.key, value: network })
    report.push({
      what: entry.key,
      from: printable(entry.value),
      to: printable(network),
      why: 'Asked for by the option networks.',
    })
  }
  return report
}

// The text that results is UTF-8 for whoever stores it, so it says so, and escaped bytes of another encoding are made anew.
function edited({ text, encoding, entries }: VmxDictionary, changes: Changes): string {
  changes.set('.encoding', { key: '.encoding', value: 'UTF-8' })
  const line = (key: string, value: string) => `${key} = "${encodeVmxValue(value)}"`
  const written = new Set<string>()
  const kept: string[] = []
  let lineEnd = '\n'
  for (const { content, end } of vmxLines(text)) {
    lineEnd = end === '' ? lineEnd : end
    const parts = splitVmxLine(content)
    const key = typeof parts === 'string' ? undefined : parts.key.toLowerCase()
    const change = key === undefined ? undefined : changes.get(key)
    if (key === undefined) kept.push(content)
    else if (changes.has(key)) {
      if (change !== undefined && !written.has(key)) kept.push(line(change.key, change.value))
      written.add(key)
    } else {
      const entry = entries.get(key)
      const isReencoded = entry !== undefined && content.includes('|') && !/^utf-?8$/i.test(encoding)
      kept.push(isReencoded ? line(entry.key, entry.value) : content)
    }
  }
  const added = [...changes.values()].filter((change) => change !== undefined && !written.has(change.key.toLowerCase()))
  const head = added.filter((change) => change?.key === '.encoding')
  const tail = added.filter((change) => change?.key !== '.encoding')
  const asLines = (list: typeof added) =>
    list.flatMap((change) => (change === undefined ? [] : [line(change.key, change.value)]))
  return [...asLines(head), ...kept, ...asLines(tail)].map((each) => `${each}${lineEnd}`).join('')
}
