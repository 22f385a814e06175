import type { MoRef, VimObject } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'
import type { CallOptions } from './call-options.js'
import type { HttpAnswer, HttpRequest, ServerAddress } from './http-channel.js'
import type { ServiceContent } from './service-content.js'

/** How a call goes. */
export interface VimCallOptions extends CallOptions {
  /**
   * True for what does no harm when it is done twice: it is tried again for `patienceMs` of the session when the connection fails.
   *
   * @defaultValue false
   */
  readonly isRepeatable?: boolean | undefined
}

/** Somebody logged in to a vCenter or a host. Disposing it logs out. */
export interface VimSession extends AsyncDisposable {
  readonly address: ServerAddress
  readonly content: ServiceContent
  /** Version of the API that is spoken, such as `8.0`. */
  readonly version: string

  /**
   * Calls a method of a managed object, and resolves with what it returned: nothing for `void`, several elements for a list.
   *
   * Guarantee: where the session has expired, it logs in anew and calls again (`session.test.ts`). Any number may run at once.
   * Abort: stops waiting; the server may still do what it was told. So does a timeout.
   *
   * @throws VimError `fault` with the server's name and words, `login`, `connect`, `certificate`, `closed`, `timeout`, `aborted`, `http`,
   *   `protocol`, `limit`
   */
  readonly call: (
    self: MoRef,
    method: string,
    args?: VimObject,
    options?: VimCallOptions,
  ) => Promise<readonly XmlElement[]>

  /**
   * Sends a request of the session to the server's web side, where datastores and leases are.
   *
   * Guarantee: where the session has expired (status 401) and the body can be sent again, it logs in anew and sends it again.
   *
   * @throws VimError `connect`, `certificate`, `closed`, `timeout`, `aborted`, `login`
   */
  readonly send: (request: HttpRequest, options?: CallOptions) => Promise<HttpAnswer>

  /** Times that it has logged in. Views, filters and collectors of an earlier time are gone. */
  readonly logins: () => number
}
