import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { objectsOf } from './script-vaults.js'

export function largestPack(vault: string): string {
  const sizes = objectsOf(vault, 'packs').map((key) => ({ key, sizeBytes: readFileSync(join(vault, key)).length }))
  return sizes.sort((a, b) => b.sizeBytes - a.sizeBytes)[0]?.key ?? ''
}

export function flipMiddle(vault: string, key: string): readonly string[] {
  return flipBit(vault, key, 0.5)
}

export function flipBit(vault: string, key: string, share: number): readonly string[] {
  const bytes = readFileSync(join(vault, key))
  const at = Math.floor((bytes.length - 1) * share)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return replaceObject(vault, key, bytes)
}

export function truncateObject(vault: string, key: string): readonly string[] {
  const bytes = readFileSync(join(vault, key))
  return replaceObject(vault, key, bytes.subarray(0, Math.floor(bytes.length * 0.6)))
}

export function swapWithOther(vault: string, key: string): readonly string[] {
  const other = objectsOf(vault, 'packs').find((candidate) => candidate !== key) ?? ''
  const bytes = readFileSync(join(vault, key))
  replaceObject(vault, key, readFileSync(join(vault, other)))
  replaceObject(vault, other, bytes)
  return [key, other]
}

export function removeObject(vault: string, key: string): readonly string[] {
  rmSync(join(vault, key))
  return [key]
}

/** Puts other bytes in the place of an object; like all of these, it returns the objects that it damaged. */
export function replaceObject(vault: string, key: string, bytes: Uint8Array): readonly string[] {
  rmSync(join(vault, key))
  writeFileSync(join(vault, key), bytes)
  return [key]
}
