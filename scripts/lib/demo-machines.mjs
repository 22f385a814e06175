import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evolve, seededImage, writeImageFile } from '@holdfast/testkit/images'

/**
 * @typedef {import('@holdfast/testkit/images').DiskImage} DiskImage
 *
 * @typedef {object} DemoDisk
 * @property {string} machine
 * @property {string} disk
 * @property {DiskImage} image
 * @property {number} seed
 */

const mebibyte = 2 ** 20

/** The disks of the two machines; `db` was cloned from `web`, and has a data disk of its own. @returns {DemoDisk[]} */
export function demoDisks() {
  const system = () => seededImage(192 * mebibyte, 1, { usedPercent: 55 })
  return [
    { machine: 'web', disk: 'root', image: system(), seed: 1 },
    { machine: 'db', disk: 'root', image: system(), seed: 2 },
    { machine: 'db', disk: 'data', image: seededImage(128 * mebibyte, 3, { usedPercent: 70 }), seed: 3 },
  ]
}

/** Writes the machines of day 1. Only `db` tells what changes, as a hypervisor with change tracking does. @param {string} folder */
export async function makeMachines(folder) {
  for (const { machine, disk, image } of demoDisks()) {
    mkdirSync(join(folder, machine), { recursive: true })
    await writeImageFile(imageFile(folder, machine, disk), image)
  }
  describeChanges(folder, 'day-1', undefined)
}

/** Changes about 3 % of every disk, in scattered places. @param {string} folder */
export async function changeMachines(folder) {
  /** @type {Map<string, readonly (readonly [number, number])[]>} */
  const changes = new Map()
  for (const { machine, disk, image, seed } of demoDisks()) {
    const later = evolve(image, 3, seed)
    await writeImageFile(imageFile(folder, machine, disk), later.image)
    changes.set(
      `${machine}/${disk}`,
      later.changed.map(({ offset, length }) => [offset, length]),
    )
  }
  describeChanges(folder, 'day-2', changes)
}

/** @param {string} folder @param {string} machine @param {string} disk */
export function imageFile(folder, machine, disk) {
  return join(folder, machine, `${disk}.raw`)
}

/**
 * @param {string} folder
 * @param {string} changeToken
 * @param {ReadonlyMap<string, readonly (readonly [number, number])[]> | undefined} changes
 */
function describeChanges(folder, changeToken, changes) {
  const disks = demoDisks()
    .filter(({ machine }) => machine === 'db')
    .map(({ disk }) => {
      const extents = changes?.get(`db/${disk}`)
      const since = extents === undefined ? {} : { changes: { since: 'day-1', extents } }
      return { id: disk, file: `${disk}.raw`, changeToken, ...since }
    })
  writeFileSync(join(folder, 'db', 'machine.json'), JSON.stringify({ name: 'db', disks }))
}
