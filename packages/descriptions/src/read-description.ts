import type { DescribedMachine, DescriptionInput, ReadOptions } from './described-machine.js'
import { invalidDescription } from './errors.js'
import { readLibvirt } from './libvirt/read-libvirt.js'
import { readOvf } from './ovf/read-ovf.js'
import { readVmx } from './vmx/read-vmx.js'

/** Formats that are read as text. */
export type ReadableFormat = 'vmx' | 'ovf' | 'libvirt-xml'

const headLength = 64 * 1024

/** Tells the format of a description by how it begins; `undefined` when it is none of these. */
export function descriptionFormat(input: DescriptionInput): ReadableFormat | undefined {
  const head = typeof input === 'string' ? input.slice(0, headLength) : latin1(input.subarray(0, headLength))
  // Bytes of UTF-16 read as Latin 1 have a NUL beside each letter.
  const text = head.replaceAll('\0', '')
  const root = /<(?:[\w.-]{1,64}:)?(domain|Envelope)[\s/>]/.exec(text)?.[1]
  if (root !== undefined) return root === 'domain' ? 'libvirt-xml' : 'ovf'
  return /^[ \t]*[^\s"=<>#]{1,200}[ \t]*=[ \t]*"/m.test(text) ? 'vmx' : undefined
}

/**
 * Reads a description of whatever format it is. Only OVF describes more than one machine.
 *
 * @throws BackupError `E_SOURCE_INVALID`
 */
export function readDescription(input: DescriptionInput, options: ReadOptions = {}): readonly DescribedMachine[] {
  const format = descriptionFormat(input)
  switch (format) {
    case 'vmx':
      return [readVmx(input, options)]
    case 'libvirt-xml':
      return [readLibvirt(input, options)]
    case 'ovf':
      return readOvf(input, options).machines
    case undefined:
      throw invalidDescription(
        'unknown',
        'it is neither VMX nor OVF nor the XML of libvirt',
        {},
        'Give one of these; an OVA is read by readOva.',
      )
  }
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(Uint8Array.from(bytes))
}
