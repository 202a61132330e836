/*
 * Every bound on a number that comes from stored bytes, in one place. Part of the format:
 * docs/format.md section 8.
 */
#ifndef HF_FORMAT_LIMITS_H
#define HF_FORMAT_LIMITS_H

#define HF_MAX_CHUNK (4u << 20)    /* plain bytes of a chunk */
#define HF_PACK_TARGET (16u << 20) /* a writer closes a pack at this size */
#define HF_PACK_ROWS 65536         /* or at so many chunks, so that its record keeps to its limit */
#define HF_MAX_PACK (1u << 30)     /* stored bytes of a pack, cold ones too */
#define HF_MAX_RIDING (64u << 10)  /* content that rides in a commit */
#define HF_MAX_COMMIT (8u << 20)   /* stored bytes of a commit */
#define HF_MAX_CHECKPOINT (64u << 20)
#define HF_MAX_LAST_SECTION (16u << 20) /* plain */
#define HF_MAX_RECORD (64u << 10)
#define HF_MAX_PACK_RECORD (4u << 20) /* record kind 1 */
#define HF_MAX_SNAPSHOT (1u << 20)    /* record kinds 2 and 3 */
#define HF_MAX_PATHS (512u << 10)     /* that a writer puts into one, with their lengths */
#define HF_MAX_RECORDS 131072         /* of one commit, pack or checkpoint */
#define HF_MAX_NAME 1024              /* a name in a directory; the kernel shows 255 */
#define HF_MAX_TARGET 4096            /* of a symbolic link */
#define HF_MAX_PATH (64u << 10)
#define HF_MAX_DEPTH 4096
#define HF_MAX_XATTR_VALUE (64u << 10)
#define HF_MAX_XATTRS 256 /* of one file */
#define HF_MAX_SOURCE 256
#define HF_MAX_TEXT 4096 /* host, user, one path's display, a drill's text */
#define HF_MAX_LABELS 64
#define HF_MAX_LABEL_KEY 64
#define HF_MAX_LABEL_VALUE 256
#define HF_MAX_VALUES 64
#define HF_MAX_VALUE_KEY 64
#define HF_MAX_VALUE 4096
#define HF_MAX_KEYRING (4u << 20)
#define HF_MAX_SLOTS 1024
#define HF_MAX_SLOT_NAME 64
#define HF_MAX_PATTERNS 256        /* source patterns of one slot */
#define HF_MAX_PASSPHRASE_SLOTS 16 /* tried when no slot is named */
#define HF_MIN_KEY_FILE 32         /* bytes of a key file, of a command's answer */
#define HF_MAX_EPOCHS 4096
#define HF_MAX_REVOKED_COMMITS 65536
#define HF_MAX_HINT 4096
#define HF_MIN_SCRYPT_LOG2N 15
#define HF_MAX_SCRYPT_LOG2N 20
#define HF_SCRYPT_R 8
#define HF_MAX_SCRYPT_P 4
#define HF_MAX_SEGMENTS 4096
#define HF_MAX_TIME_S (INT64_C(1) << 33) /* |seconds| of a time: years 1697..2242 */
#define HF_BLOCK_ENTRIES 64              /* entries of one directory block */
#define HF_BLOCK_EXTENTS 256             /* of one block of a file of extents */
#define HF_MAX_BLOCK (32u << 20)         /* bytes of a block; one entry at its limits fits */
#define HF_MAX_INDEX (64u << 20)         /* bytes of the index behind them */
#define HF_MAX_META_EXTENTS 16384        /* of one directory, page map or file of extents */
#define HF_MAX_BLOCK_EXTENTS 98304       /* of all entries of one directory block */
#define HF_INLINE_EXTENTS 64             /* more stand in a file of extents */
#define HF_SEGMENT_ROWS 1024             /* rows in one block of a chunk segment */
#define HF_MAX_EXTENT (INT64_C(1) << 62)

#endif
