/** Opens a connection. @throws AcmeFault `401` */
export type AcmeConnect = (endpoint: string, token: string, signal: AbortSignal) => Promise<AcmeClient>

/** What this plugin needs of Acme's client library: the seam at which tests and other transports come in. */
export interface AcmeClient {
  /** Starts an upload; nothing is visible before it is completed. @throws AcmeFault `409` when the name is taken */
  readonly upload: (name: string, signal: AbortSignal) => Promise<AcmeUpload>
  /** Reads part of an object. @throws AcmeFault `404` */
  readonly download: (name: string, offset: number, length: number, signal: AbortSignal) => AsyncIterable<Uint8Array>
  /** Describes an object; `undefined` when there is none. */
  readonly head: (name: string, signal: AbortSignal) => Promise<AcmeObject | undefined>
  /** One page of objects in order of their names, starting behind `after`. */
  readonly page: (prefix: string, after: string, signal: AbortSignal) => Promise<readonly AcmeObject[]>
  /** Removes an object. @throws AcmeFault `404` */
  readonly delete: (name: string, signal: AbortSignal) => Promise<void>
  readonly close: () => Promise<void>
}

/** An object that is being written. */
export interface AcmeUpload {
  /** Takes the bytes; the buffer is the caller's again when this resolves. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Makes the object visible and durable. @throws AcmeFault `409` when the name was taken meanwhile */
  readonly complete: () => Promise<void>
  /** Drops what was written. */
  readonly cancel: () => Promise<void>
}

/** What the vault knows of an object. */
export interface AcmeObject {
  readonly name: string
  readonly sizeBytes: number
  readonly createdAt: Date
}

/** Every status with which the vault refuses. */
export type AcmeStatus = 401 | 404 | 409 | 503 | 507

/** An error of Acme's client library. */
export interface AcmeFault extends Error {
  readonly status: AcmeStatus
}
