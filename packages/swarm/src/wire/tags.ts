import { decodeMessage, encodeMessage, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface TagQuestion {
  registry: string
  name: string
  tag: string
}

export namespace TagQuestion {
  let _codec: Codec<TagQuestion>

  export const codec = (): Codec<TagQuestion> => {
    if (_codec == null) {
      _codec = message<TagQuestion>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.registry != null && obj.registry !== '')) {
          w.uint32(10)
          w.string(obj.registry)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(18)
          w.string(obj.name)
        }

        if ((obj.tag != null && obj.tag !== '')) {
          w.uint32(26)
          w.string(obj.tag)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          registry: '',
          name: '',
          tag: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.registry = reader.string()
              break
            }
            case 2: {
              obj.name = reader.string()
              break
            }
            case 3: {
              obj.tag = reader.string()
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
                field: `${prefix}.registry`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.tag`,
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

  export interface TagQuestionRegistryFieldEvent {
    field: '$.registry'
    value: string
  }

  export interface TagQuestionNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface TagQuestionTagFieldEvent {
    field: '$.tag'
    value: string
  }

  export function encode (obj: Partial<TagQuestion>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, TagQuestion.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TagQuestion>): TagQuestion {
    return decodeMessage(buf, TagQuestion.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TagQuestion>): Generator<TagQuestionRegistryFieldEvent | TagQuestionNameFieldEvent | TagQuestionTagFieldEvent> {
    return streamMessage(buf, TagQuestion.codec(), opts)
  }
}

export interface TagAnswer {
  digest: string
  size: bigint
  mediaType: string
  resolvedAt: bigint
}

export namespace TagAnswer {
  let _codec: Codec<TagAnswer>

  export const codec = (): Codec<TagAnswer> => {
    if (_codec == null) {
      _codec = message<TagAnswer>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.digest != null && obj.digest !== '')) {
          w.uint32(10)
          w.string(obj.digest)
        }

        if ((obj.size != null && obj.size !== 0n)) {
          w.uint32(16)
          w.uint64(obj.size)
        }

        if ((obj.mediaType != null && obj.mediaType !== '')) {
          w.uint32(26)
          w.string(obj.mediaType)
        }

        if ((obj.resolvedAt != null && obj.resolvedAt !== 0n)) {
          w.uint32(32)
          w.uint64(obj.resolvedAt)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          digest: '',
          size: 0n,
          mediaType: '',
          resolvedAt: 0n
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.digest = reader.string()
              break
            }
            case 2: {
              obj.size = reader.uint64()
              break
            }
            case 3: {
              obj.mediaType = reader.string()
              break
            }
            case 4: {
              obj.resolvedAt = reader.uint64()
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
                field: `${prefix}.digest`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.size`,
                value: reader.uint64()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.mediaType`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.resolvedAt`,
                value: reader.uint64()
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

  export interface TagAnswerDigestFieldEvent {
    field: '$.digest'
    value: string
  }

  export interface TagAnswerSizeFieldEvent {
    field: '$.size'
    value: bigint
  }

  export interface TagAnswerMediaTypeFieldEvent {
    field: '$.mediaType'
    value: string
  }

  export interface TagAnswerResolvedAtFieldEvent {
    field: '$.resolvedAt'
    value: bigint
  }

  export function encode (obj: Partial<TagAnswer>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, TagAnswer.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TagAnswer>): TagAnswer {
    return decodeMessage(buf, TagAnswer.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TagAnswer>): Generator<TagAnswerDigestFieldEvent | TagAnswerSizeFieldEvent | TagAnswerMediaTypeFieldEvent | TagAnswerResolvedAtFieldEvent> {
    return streamMessage(buf, TagAnswer.codec(), opts)
  }
}
