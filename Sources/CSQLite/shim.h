#include <sqlite3.h>

/// Sets a switch of a connection and tells whether it now stands so; Swift cannot call the variadic function.
static inline int csqlite_set(sqlite3 *db, int option, int value) {
  int now = -1;
  return sqlite3_db_config(db, option, value, &now) == SQLITE_OK && now == value;
}

/// Binds text that SQLite copies; no address means no bytes, not NULL.
static inline int csqlite_bind_text_copy(sqlite3_stmt *statement, int parameter, const void *text, int count) {
  return sqlite3_bind_text(statement, parameter, text ? (const char *)text : "", count, SQLITE_TRANSIENT);
}

/// Gives a function's result as text that SQLite copies; no address means no bytes, not NULL.
static inline void csqlite_result_text_copy(sqlite3_context *context, const void *text, sqlite3_uint64 count) {
  sqlite3_result_text64(context, text ? (const char *)text : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// Binds a blob that SQLite copies; no address means no bytes, not NULL.
static inline int csqlite_bind_blob_copy(sqlite3_stmt *statement, int parameter, const void *bytes, int count) {
  return sqlite3_bind_blob(statement, parameter, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

/// Binds a blob that stays where it is until the statement was run; no address means no bytes, not NULL.
static inline int csqlite_bind_blob_static(sqlite3_stmt *statement, int parameter, const void *bytes, int count) {
  return sqlite3_bind_blob(statement, parameter, bytes ? bytes : "", count, SQLITE_STATIC);
}

/// A virtual table over rows in memory: what SQLite sees of it, and where the rows are.
typedef struct csqlite_rows_table {
  sqlite3_vtab base;
  void *rows;
} csqlite_rows_table;

/// A walk over the rows of such a table.
typedef struct csqlite_rows_cursor {
  sqlite3_vtab_cursor base;
  void *rows;
  sqlite3_int64 place;
  sqlite3_int64 end;
} csqlite_rows_cursor;

/// Asks for memory that will be read soon, which is harmless whatever the address.
static inline void csqlite_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// The same for the 64 bytes from an address on, which may lie in two lines of the cache.
static inline void csqlite_prefetch_lines(unsigned long long address) {
  __builtin_prefetch((const void *)(unsigned long)address, 0, 3);
  __builtin_prefetch((const void *)(unsigned long)(address + 63), 0, 3);
}
