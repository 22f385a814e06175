import type { FileHandle } from 'node:fs/promises'
import { extname, join, parse } from 'node:path'
import { isBackupError } from '@holdfast/core'
import type { OvfPackage } from '@holdfast/descriptions'
import { pathProblem, readStart, systemCode } from '@holdfast/machine-files'
import { sourceError } from '../errors.js'
import { diskFile } from '../files/disk-file.js'
import { fileBytes } from '../files/file-bytes.js'
import { type FolderRules, linkBounds } from '../files/folder-rules.js'
import { openFile } from '../files/open-file.js'
import { rootElement } from './root-element.js'

/** Largest description that is read, in bytes. */
const maxBytes = 8 * 2 ** 20
const headBytes = 64 * 1024

/** Tells by its name whether a file may describe machines in a hypervisor's words. */
export function mayDescribe(name: string): boolean {
  return /^[^.].*\.(vmx|ovf|ova|xml)$/is.test(name)
}

/**
 * Reads what a file says about machines; `undefined` for XML that is no domain of libvirt. Opens no image, and of an OVA reads
 * the headers and the descriptor.
 *
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_UNAVAILABLE`
 */
export async function readDescriptionFile(rules: FolderRules, name: string): Promise<OvfPackage | undefined> {
  const path = join(rules.folder, name)
  const opened = await openFile(path, linkBounds(rules))
  if (opened.kind !== 'open') throw unusable(path, opened.reason)
  const { handle } = opened
  try {
    const options = { name: parse(name).name }
    // Only machines that are described need it, and its XML parser takes a while to load.
    const { readDescription, readOva, readOvf } = await import('@holdfast/descriptions')
    if (isOva(name)) return await readOva(fileBytes(name, diskFile(handle, path), undefined), options)
    const text = await readText(handle, name, path)
    if (text === undefined) return undefined
    if (hasEnding(name, '.ovf')) return readOvf(text, options)
    return { machines: readDescription(text, options), files: [] }
  } catch (error) {
    if (isBackupError(error)) throw error.code === 'E_SOURCE_INVALID' ? wrong(path, error) : error
    if (systemCode(error) === undefined) throw error
    throw unusable(path, pathProblem(error) ?? String(systemCode(error)), error)
  } finally {
    await handle.close()
  }
}

/** Tells by its name whether a file is an OVA: a description with the disks beside it in one archive. */
export function isOva(name: string): boolean {
  return hasEnding(name, '.ova')
}

/** Reads a text whole, and not one byte more than it may have. Much else is XML: it is asked for its root first. */
async function readText(handle: FileHandle, name: string, path: string): Promise<Uint8Array | undefined> {
  const { size } = await handle.stat()
  if (hasEnding(name, '.xml') && rootElement(await readStart(handle, Math.min(size, headBytes))) !== 'domain')
    return undefined
  if (size > maxBytes) throw unusable(path, `it has ${size} bytes, and at most ${maxBytes} are read`)
  return readStart(handle, size)
}

function hasEnding(name: string, ending: string): boolean {
  return extname(name).toLowerCase() === ending
}

function wrong(path: string, error: Error & { readonly hint?: string | undefined }): Error {
  return sourceError('E_SOURCE_INVALID', `${path}: ${error.message}`, {
    operation: 'source.prepare',
    context: { file: path },
    hint: error.hint ?? hint,
    cause: error,
  })
}

function unusable(path: string, problem: string, cause?: unknown): Error {
  return sourceError('E_SOURCE_INVALID', `${path} cannot be used: ${problem}.`, {
    operation: 'source.prepare',
    context: { file: path },
    hint,
    ...(cause !== undefined && { cause }),
  })
}

const hint = 'Correct the file, or describe the machine in machine.json instead.'
