import type { Machine, NicSpec } from '@holdfast/core'
import { macOf } from './identity.js'
import { printable } from './printable.js'
import type { Mapping, WriteOptions } from './written-description.js'
import { xmlText } from './xml/decode-references.js'

/** A value as it can be written, with the mappings that made it so. */
export interface Mapped<T> {
  readonly value: T
  readonly report: readonly Mapping[]
}

/** The machine's name in a form that the target takes. */
export function mappedName(machine: Machine, legal: (name: string) => string, why: string): Mapped<string> {
  const name = legal(machine.name)
  const value = name.trim() === '' ? 'machine' : name
  if (value === machine.name) return { value, report: [] }
  return { value, report: [{ what: 'name', from: printable(machine.name), to: printable(value), why }] }
}

/** Memory rounded up to the unit that the target counts in; `defaultBytes` when nobody knows. */
export function mappedMemory(machine: Machine, unitBytes: number, defaultBytes = 1024 ** 3): Mapped<number> {
  if (machine.memoryBytes === undefined) {
    const why = 'The machine does not say; check it before the first start.'
    return { value: defaultBytes, report: [{ what: 'memory', from: 'unknown', to: `${defaultBytes} bytes`, why }] }
  }
  const value = Math.max(1, Math.ceil(machine.memoryBytes / unitBytes)) * unitBytes
  if (value === machine.memoryBytes) return { value, report: [] }
  const why = `The target counts memory in units of ${unitBytes} bytes.`
  return { value, report: [{ what: 'memory', from: `${machine.memoryBytes} bytes`, to: `${value} bytes`, why }] }
}

/** The number of CPUs, 1 when nobody knows. */
export function mappedCpus(machine: Machine): Mapped<number> {
  if (machine.cpus !== undefined) return { value: machine.cpus, report: [] }
  const why = 'The machine does not say; check it before the first start.'
  return { value: 1, report: [{ what: 'CPUs', from: 'unknown', to: '1', why }] }
}

/** The firmware, BIOS when nobody knows. */
export function mappedFirmware(machine: Machine): Mapped<'bios' | 'uefi'> {
  if (machine.firmware !== undefined) return { value: machine.firmware, report: [] }
  const why =
    'The machine does not say. A guest that was installed with UEFI does not boot so: state the firmware then.'
  return { value: 'bios', report: [{ what: 'firmware', from: 'unknown', to: 'bios', why }] }
}

/** A network card as the target can have it. */
export interface MappedNic {
  readonly macAddress?: string
  readonly network?: string
  readonly model: string
}

/** What a target offers as network cards: its model for the model that the machine had. */
export interface NicModels {
  /** By lower-case model of the machine. */
  readonly known: Readonly<Record<string, string>>
  /** For any other model, and for none. */
  readonly fallback: string
  readonly why: string
  /** Network of a card whose network nobody knows; absent when the target needs none. */
  readonly unknownNetwork?: string
}

/** The network cards, with the target's models and networks. */
export function mappedNics(machine: Machine, models: NicModels, options: WriteOptions): Mapped<readonly MappedNic[]> {
  const mapped = (machine.nics ?? []).map((nic, index) => mappedNic(nic, `network card ${index}`, models, options))
  return { value: mapped.map(({ value }) => value), report: mapped.flatMap(({ report }) => report) }
}

function mappedNic(nic: NicSpec, what: string, models: NicModels, options: WriteOptions): Mapped<MappedNic> {
  const report: Mapping[] = []
  const stated = nic.model?.toLowerCase() ?? ''
  const model = Object.hasOwn(models.known, stated) ? (models.known[stated] ?? models.fallback) : models.fallback
  if (model.toLowerCase() !== stated) {
    report.push({ what: `model of ${what}`, from: printable(nic.model ?? 'unknown'), to: model, why: models.why })
  }
  const macAddress = options.identity === 'new' ? undefined : macOf(nic.macAddress)
  if (nic.macAddress !== undefined && macAddress === undefined) {
    const why =
      options.identity === 'new'
        ? 'A new identity was asked for.'
        : 'It is not a MAC address; the hypervisor makes one.'
    report.push({ what: `MAC address of ${what}`, from: printable(nic.macAddress), to: 'generated', why })
  }
  const wanted = mappedNetwork(nic.network, options)
  const network = plainText(wanted) || models.unknownNetwork
  if (network !== undefined && network !== nic.network) {
    const why =
      wanted !== nic.network
        ? 'Asked for by the option networks.'
        : network === models.unknownNetwork
          ? 'The machine does not say; the target needs one.'
          : 'Networks have no control characters, and no white space around their names.'
    report.push({ what: `network of ${what}`, from: printable(nic.network ?? 'unknown'), to: printable(network), why })
  }
  return {
    value: { model, ...(macAddress !== undefined && { macAddress }), ...(network !== undefined && { network }) },
    report,
  }
}

function plainText(text = ''): string {
  return xmlText(text)
    .trim()
    .replace(/\p{Cc}/gu, '\ufffd')
}

/** The target's network for one of the machine's. */
export function mappedNetwork(network: string | undefined, { networks = {} }: WriteOptions): string | undefined {
  return network !== undefined && Object.hasOwn(networks, network) ? networks[network] : network
}
