import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A description as a product writes it. */
export type Fixture =
  | 'esxi.vmx'
  | 'workstation.vmx'
  | 'ovftool.ovf'
  | 'virtualbox.ovf'
  | 'collection.ovf'
  | 'virt-install.xml'
  | 'running.xml'

export function fixtureBytes(name: Fixture): Uint8Array {
  return readFileSync(join(import.meta.dirname, '..', 'fixtures', name))
}

export function fixture(name: Fixture): string {
  return new TextDecoder(name === 'workstation.vmx' ? 'windows-1252' : 'utf-8').decode(fixtureBytes(name))
}
