import { Buffer } from 'node:buffer'

/** Runs `action` and returns the largest allocation of bytes that it made at once. */
export async function largestAllocation(action: () => Promise<void>): Promise<number> {
  let largest = 0
  const note = (size: unknown) => {
    if (typeof size === 'number') largest = Math.max(largest, size)
  }
  const { Uint8Array: bytes, ArrayBuffer: memory } = globalThis
  const { alloc, allocUnsafe, allocUnsafeSlow } = Buffer
  const noting = <T extends Uint8ArrayConstructor | ArrayBufferConstructor>(original: T): T =>
    new Proxy(original, {
      construct: (target, args: unknown[], made) => {
        note(args[0])
        return Reflect.construct(target, args, made)
      },
    })
  const counting = (original: (size: number) => Buffer<ArrayBuffer>) => (size: number) => {
    note(size)
    return original(size)
  }
  globalThis.Uint8Array = noting(bytes)
  globalThis.ArrayBuffer = noting(memory)
  Buffer.alloc = counting(alloc)
  Buffer.allocUnsafe = counting(allocUnsafe)
  Buffer.allocUnsafeSlow = counting(allocUnsafeSlow)
  try {
    await action()
  } finally {
    Object.assign(globalThis, { Uint8Array: bytes, ArrayBuffer: memory })
    Object.assign(Buffer, { alloc, allocUnsafe, allocUnsafeSlow })
  }
  return largest
}
