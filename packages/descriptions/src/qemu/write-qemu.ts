import type { Machine } from '@holdfast/core'
import { type MappedNic, mappedNics } from '../guest-values.js'
import { libvirtNicModels } from '../libvirt/libvirt-options.js'
import type { PlacedDisk, WriteOptions, WrittenDescription } from '../written-description.js'
import { qemuArguments } from './qemu-arguments.js'

/**
 * Writes a shell script that runs a machine of its images in QEMU, its network cards behind QEMU's own address translation.
 *
 * Relative paths are taken from the folder of the script. Arguments given to the script are QEMU's, after its own: `-machine
 * accel=tcg` for a host without KVM. All it has of the machine is quoted, and nothing of the machine stands in comments.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match
 */
export function writeQemu(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: WriteOptions = {},
): WrittenDescription {
  const { args, report } = qemuArguments(machine, places)
  const nics = mappedNics(machine, libvirtNicModels, options)
  const words = [...args, ...nicArguments(nics.value)].map(shellWord)
  const lines = words.flatMap((word, i) => (i % 2 === 0 ? [`  ${word} ${words[i + 1] ?? ''} \\`] : []))
  const text = [
    '#!/bin/sh',
    '# Runs a restored machine in QEMU. Written by Holdfast; read it before you run it.',
    'cd "$(dirname "$0")" || exit 1',
    'exec qemu-system-x86_64 \\',
    ...lines,
    '  "$@"',
  ]
  return {
    text: `${text.join('\n')}\n`,
    report: [...report, ...nics.report.filter(({ what }) => !what.startsWith('network'))],
  }
}

function nicArguments(nics: readonly MappedNic[]): readonly string[] {
  if (nics.length === 0) return ['-nic', 'none']
  return nics.flatMap(({ model, macAddress }) => [
    '-nic',
    `user,model=${model === 'virtio' ? 'virtio-net-pci' : model}${macAddress === undefined ? '' : `,mac=${macAddress}`}`,
  ])
}

/** A word that the shell takes as it is. */
function shellWord(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
