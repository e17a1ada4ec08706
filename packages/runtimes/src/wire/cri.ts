/* eslint-disable require-yield */

import { decodeMessage, encodeMessage, MaxLengthError, MaxSizeError, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface VersionRequest {}

export namespace VersionRequest {
  let _codec: Codec<VersionRequest>

  export const codec = (): Codec<VersionRequest> => {
    if (_codec == null) {
      _codec = message<VersionRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export function encode (obj: Partial<VersionRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, VersionRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<VersionRequest>): VersionRequest {
    return decodeMessage(buf, VersionRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<VersionRequest>): Generator<{}> {
    return streamMessage(buf, VersionRequest.codec(), opts)
  }
}

export interface VersionResponse {
  runtimeName: string
  runtimeVersion: string
}

export namespace VersionResponse {
  let _codec: Codec<VersionResponse>

  export const codec = (): Codec<VersionResponse> => {
    if (_codec == null) {
      _codec = message<VersionResponse>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.runtimeName != null && obj.runtimeName !== '')) {
          w.uint32(18)
          w.string(obj.runtimeName)
        }

        if ((obj.runtimeVersion != null && obj.runtimeVersion !== '')) {
          w.uint32(26)
          w.string(obj.runtimeVersion)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          runtimeName: '',
          runtimeVersion: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 2: {
              obj.runtimeName = reader.string()
              break
            }
            case 3: {
              obj.runtimeVersion = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 2: {
              yield {
                field: `${prefix}.runtimeName`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.runtimeVersion`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface VersionResponseRuntimeNameFieldEvent {
    field: '$.runtimeName'
    value: string
  }

  export interface VersionResponseRuntimeVersionFieldEvent {
    field: '$.runtimeVersion'
    value: string
  }

  export function encode (obj: Partial<VersionResponse>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, VersionResponse.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<VersionResponse>): VersionResponse {
    return decodeMessage(buf, VersionResponse.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<VersionResponse>): Generator<VersionResponseRuntimeNameFieldEvent | VersionResponseRuntimeVersionFieldEvent> {
    return streamMessage(buf, VersionResponse.codec(), opts)
  }
}

export interface StatusRequest {
  verbose: boolean
}

export namespace StatusRequest {
  let _codec: Codec<StatusRequest>

  export const codec = (): Codec<StatusRequest> => {
    if (_codec == null) {
      _codec = message<StatusRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.verbose != null && obj.verbose !== false)) {
          w.uint32(8)
          w.bool(obj.verbose)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          verbose: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.verbose = reader.bool()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.verbose`,
                value: reader.bool()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface StatusRequestVerboseFieldEvent {
    field: '$.verbose'
    value: boolean
  }

  export function encode (obj: Partial<StatusRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, StatusRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusRequest>): StatusRequest {
    return decodeMessage(buf, StatusRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusRequest>): Generator<StatusRequestVerboseFieldEvent> {
    return streamMessage(buf, StatusRequest.codec(), opts)
  }
}

export interface StatusResponse {
  info: Map<string, string>
}

export namespace StatusResponse {
  export interface StatusResponse$infoEntry {
    key: string
    value: string
  }

  export namespace StatusResponse$infoEntry {
    let _codec: Codec<StatusResponse$infoEntry>

    export const codec = (): Codec<StatusResponse$infoEntry> => {
      if (_codec == null) {
        _codec = message<StatusResponse$infoEntry>((obj, w, opts = {}) => {
          if (opts.lengthDelimited !== false) {
            w.fork()
          }

          if ((obj.key != null && obj.key !== '')) {
            w.uint32(10)
            w.string(obj.key)
          }

          if ((obj.value != null && obj.value !== '')) {
            w.uint32(18)
            w.string(obj.value)
          }

          if (opts.lengthDelimited !== false) {
            w.ldelim()
          }
        }, (reader, length, opts = {}) => {
          const obj: any = {
            key: '',
            value: ''
          }

          const end = length == null ? reader.len : reader.pos + length

          while (reader.pos < end) {
            const tag = reader.uint32()

            switch (tag >>> 3) {
              case 1: {
                obj.key = reader.string()
                break
              }
              case 2: {
                obj.value = reader.string()
                break
              }
              default: {
                reader.skipType(tag & 7)
                break
              }
            }
          }

          return obj
        }, function * (reader, length, prefix, opts = {}) {
          const end = length == null ? reader.len : reader.pos + length

          while (reader.pos < end) {
            const tag = reader.uint32()

            switch (tag >>> 3) {
              case 1: {
                yield {
                  field: `${prefix}.key`,
                  value: reader.string()
                }
                break
              }
              case 2: {
                yield {
                  field: `${prefix}.value`,
                  value: reader.string()
                }
                break
              }
              default: {
                reader.skipType(tag & 7)
                break
              }
            }
          }
        })
      }

      return _codec
    }

    export interface StatusResponse$infoEntryKeyFieldEvent {
      field: '$.key'
      value: string
    }

    export interface StatusResponse$infoEntryValueFieldEvent {
      field: '$.value'
      value: string
    }

    export function encode (obj: Partial<StatusResponse$infoEntry>): Uint8Array<ArrayBuffer> {
      return encodeMessage(obj, StatusResponse$infoEntry.codec())
    }

    export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusResponse$infoEntry>): StatusResponse$infoEntry {
      return decodeMessage(buf, StatusResponse$infoEntry.codec(), opts)
    }

    export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusResponse$infoEntry>): Generator<StatusResponse$infoEntryKeyFieldEvent | StatusResponse$infoEntryValueFieldEvent> {
      return streamMessage(buf, StatusResponse$infoEntry.codec(), opts)
    }
  }

  let _codec: Codec<StatusResponse>

  export const codec = (): Codec<StatusResponse> => {
    if (_codec == null) {
      _codec = message<StatusResponse>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.info != null && obj.info.size > 0) {
          for (const [key, value] of obj.info.entries()) {
            w.uint32(18)
            StatusResponse.StatusResponse$infoEntry.codec().encode({ key, value }, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          info: new Map<string, string>()
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 2: {
              if (opts.limits?.info != null && obj.info.size === opts.limits.info) {
                throw new MaxSizeError('Decode error - map field "info" had too many elements')
              }

              const entry = StatusResponse.StatusResponse$infoEntry.codec().decode(reader, reader.uint32(), {
                limits: {
                  value: opts.limits?.info$value
                }
              })
              obj.info.set(entry.key, entry.value)
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          info: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 2: {
              if (opts.limits?.info != null && obj.info === opts.limits.info) {
                throw new MaxLengthError('Decode error - map field "info" had too many elements')
              }

              yield * StatusResponse.StatusResponse$infoEntry.codec().stream(reader, reader.uint32(), `${prefix}.info{}`, {
                limits: {
                  value: opts.limits?.info$value
                }
              })

              obj.info++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface StatusResponseInfoFieldEvent {
    field: '$.info{}'
    key: string
    value: string
  }

  export function encode (obj: Partial<StatusResponse>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, StatusResponse.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusResponse>): StatusResponse {
    return decodeMessage(buf, StatusResponse.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StatusResponse>): Generator<StatusResponseInfoFieldEvent> {
    return streamMessage(buf, StatusResponse.codec(), opts)
  }
}

export interface ImageSpec {
  image: string
}

export namespace ImageSpec {
  let _codec: Codec<ImageSpec>

  export const codec = (): Codec<ImageSpec> => {
    if (_codec == null) {
      _codec = message<ImageSpec>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.image != null && obj.image !== '')) {
          w.uint32(10)
          w.string(obj.image)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          image: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.image = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.image`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ImageSpecImageFieldEvent {
    field: '$.image'
    value: string
  }

  export function encode (obj: Partial<ImageSpec>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ImageSpec.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ImageSpec>): ImageSpec {
    return decodeMessage(buf, ImageSpec.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ImageSpec>): Generator<ImageSpecImageFieldEvent> {
    return streamMessage(buf, ImageSpec.codec(), opts)
  }
}

export interface PullImageRequest {
  image?: ImageSpec
}

export namespace PullImageRequest {
  let _codec: Codec<PullImageRequest>

  export const codec = (): Codec<PullImageRequest> => {
    if (_codec == null) {
      _codec = message<PullImageRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.image != null) {
          w.uint32(10)
          ImageSpec.codec().encode(obj.image, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.image = ImageSpec.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.image
              })
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * ImageSpec.codec().stream(reader, reader.uint32(), `${prefix}.image`, {
                limits: opts.limits?.image
              })

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullImageRequestImageImageFieldEvent {
    field: '$.image.image'
    value: string
  }

  export function encode (obj: Partial<PullImageRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullImageRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullImageRequest>): PullImageRequest {
    return decodeMessage(buf, PullImageRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullImageRequest>): Generator<PullImageRequestImageImageFieldEvent> {
    return streamMessage(buf, PullImageRequest.codec(), opts)
  }
}

export interface PullImageResponse {
  imageRef: string
}

export namespace PullImageResponse {
  let _codec: Codec<PullImageResponse>

  export const codec = (): Codec<PullImageResponse> => {
    if (_codec == null) {
      _codec = message<PullImageResponse>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.imageRef != null && obj.imageRef !== '')) {
          w.uint32(10)
          w.string(obj.imageRef)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          imageRef: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.imageRef = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.imageRef`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullImageResponseImageRefFieldEvent {
    field: '$.imageRef'
    value: string
  }

  export function encode (obj: Partial<PullImageResponse>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullImageResponse.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullImageResponse>): PullImageResponse {
    return decodeMessage(buf, PullImageResponse.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullImageResponse>): Generator<PullImageResponseImageRefFieldEvent> {
    return streamMessage(buf, PullImageResponse.codec(), opts)
  }
}

export interface RemoveImageRequest {
  image?: ImageSpec
}

export namespace RemoveImageRequest {
  let _codec: Codec<RemoveImageRequest>

  export const codec = (): Codec<RemoveImageRequest> => {
    if (_codec == null) {
      _codec = message<RemoveImageRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.image != null) {
          w.uint32(10)
          ImageSpec.codec().encode(obj.image, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.image = ImageSpec.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.image
              })
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * ImageSpec.codec().stream(reader, reader.uint32(), `${prefix}.image`, {
                limits: opts.limits?.image
              })

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface RemoveImageRequestImageImageFieldEvent {
    field: '$.image.image'
    value: string
  }

  export function encode (obj: Partial<RemoveImageRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, RemoveImageRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RemoveImageRequest>): RemoveImageRequest {
    return decodeMessage(buf, RemoveImageRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RemoveImageRequest>): Generator<RemoveImageRequestImageImageFieldEvent> {
    return streamMessage(buf, RemoveImageRequest.codec(), opts)
  }
}

export interface RemoveImageResponse {}

export namespace RemoveImageResponse {
  let _codec: Codec<RemoveImageResponse>

  export const codec = (): Codec<RemoveImageResponse> => {
    if (_codec == null) {
      _codec = message<RemoveImageResponse>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export function encode (obj: Partial<RemoveImageResponse>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, RemoveImageResponse.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RemoveImageResponse>): RemoveImageResponse {
    return decodeMessage(buf, RemoveImageResponse.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RemoveImageResponse>): Generator<{}> {
    return streamMessage(buf, RemoveImageResponse.codec(), opts)
  }
}
