#!/usr/bin/env python3
"""Nanoseconds a row of each function, on one thread and over what its arguments cost; the slowest first. Started by `scripts/bench --functions`."""
import argparse, os, re, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import tools

COLUMNS = {
    "id": "id", "i": "CAST(id AS INT)", "d": "id * 1.5D", "m": "CAST(id % 10000 AS DECIMAL(10,2))", "s": "concat('Key number ', id % 5000, ' of Some')",
    "w": "concat('w', id % 100)", "u": "concat('https://www.example.com:8080/path/', id % 1000, '?a=1&b=', id % 7, '#frag')",
    "ts": "timestamp_seconds(1700000000 + id * 61)", "dt": "date_add(DATE'2024-01-01', CAST(id % 1000 AS INT))", "a": "array(id % 7, id % 5, id % 3)",
    "sa": "array(concat('x', id % 5), 'y', 'z')", "mp": "map('a', id % 5, 'b', id % 3)", "st": "named_struct('p', id % 5, 'q', 'text')",
    "j": "concat('{\"a\":', id % 9, ',\"b\":{\"c\":\"text ', id % 7, '\"},\"d\":[1,2,3]}')", "c": "concat(id % 9, ',text,', id % 7, '.5')",
    "tx": "concat('2024-01-', lpad(id % 28 + 1, 2, '0'), ' 10:11:12')", "un": "concat('\u00e4', id % 50, '\u00d6\u00dc')",
}
CALLS = """
upper(s)
lower(s)
initcap(s)
trim(s)
ltrim(s)
length(s)
char_length(un)
reverse(s)
reverse(un)
repeat(w, 3)
substring(s, 2, 5)
substring(un, 2, 2)
left(s, 4)
right(s, 4)
lpad(s, 40, '*')
rpad(s, 40, '*')
concat(s, w)
concat_ws('-', s, w, i)
replace(s, 'number', 'x')
translate(s, 'abc', 'xyz')
instr(s, 'of')
locate('of', s)
position('of' IN s)
split(s, ' ')
split(s, '[ ]+')
split(s, ' ')[0]
split_part(s, ' ', 2)
substring_index(s, ' ', 2)
startswith(s, 'Key')
endswith(s, 'Some')
contains(s, 'ber 1')
s LIKE '%ber 1%'
s LIKE 'Key%'
s LIKE '%o_e'
s ILIKE '%NUM%'
s RLIKE 'num[a-z]+ [0-9]+'
regexp_extract(s, '([0-9]+)', 1)
regexp_extract_all(s, '([a-z]+)', 1)
regexp_replace(s, '[0-9]+', '#')
regexp_count(s, '[aeiou]')
regexp_instr(s, '[0-9]')
regexp_substr(s, '[0-9]+')
ascii(s)
chr(i % 128)
base64(s)
unbase64(base64(s))
hex(s)
hex(id)
unhex(hex(s))
md5(s)
sha1(s)
sha2(s, 256)
sha2(s, 512)
crc32(s)
hash(s)
xxhash64(s)
soundex(s)
levenshtein(s, 'Key number 17')
format_string('%s-%d', s, i)
format_number(d, 2)
encode(s, 'UTF-8')
decode(encode(s, 'UTF-8'), 'UTF-8')
parse_url(u, 'HOST')
parse_url(u, 'QUERY', 'a')
parse_url(u, 'PATH')
url_encode(u)
url_decode(u)
overlay(s PLACING 'xx' FROM 2)
sentences(s)
elt(2, s, w)
find_in_set(w, 'w1,w2,w3')
to_number(CAST(i AS STRING), '999999')
to_char(i, '999999')
mask(s)
bit_length(s)
btrim(s, 'Ke')
i + 1
i * d
i / 3
i % 7
m * m
m / 3
m + 1
CAST(i AS STRING)
CAST(d AS STRING)
CAST(m AS STRING)
CAST(ts AS STRING)
CAST(dt AS STRING)
CAST(w AS BINARY)
CAST(CAST(i AS STRING) AS INT)
CAST(CAST(d AS STRING) AS DOUBLE)
CAST(CAST(m AS STRING) AS DECIMAL(10,2))
CAST(tx AS TIMESTAMP)
CAST(substring(tx,1,10) AS DATE)
to_timestamp(tx, 'yyyy-MM-dd HH:mm:ss')
to_timestamp(tx)
to_date(tx, 'yyyy-MM-dd HH:mm:ss')
unix_timestamp(tx, 'yyyy-MM-dd HH:mm:ss')
from_unixtime(id)
from_unixtime(id, 'yyyy-MM-dd')
date_format(ts, 'yyyy-MM-dd HH:mm:ss')
date_format(ts, 'EEE, d MMM yyyy')
date_format(dt, 'yyyy/MM')
year(ts)
month(dt)
dayofweek(dt)
weekofyear(dt)
quarter(dt)
hour(ts)
minute(ts)
second(ts)
extract(DOW FROM ts)
date_trunc('HOUR', ts)
date_trunc('MONTH', ts)
date_trunc('WEEK', ts)
trunc(dt, 'MM')
date_add(dt, 5)
datediff(dt, DATE'2024-01-01')
add_months(dt, 3)
months_between(ts, TIMESTAMP'2024-01-01 00:00:00')
last_day(dt)
next_day(dt, 'MON')
ts + INTERVAL 1 DAY
ts - TIMESTAMP'2024-01-01 00:00:00'
dt + INTERVAL 1 MONTH
unix_timestamp(ts)
unix_millis(ts)
from_utc_timestamp(ts, 'America/New_York')
to_utc_timestamp(ts, 'Europe/Berlin')
make_date(2024, i % 12 + 1, 3)
make_timestamp(2024, 1, 2, 3, 4, 5)
timestampdiff(HOUR, ts, TIMESTAMP'2024-01-01 00:00:00')
timestampadd(DAY, 3, ts)
window(ts, '10 minutes')
abs(d)
ceil(d)
floor(d)
round(d, 1)
bround(d, 1)
round(m, 1)
sqrt(d)
exp(d / 1000000)
ln(d + 1)
log10(d + 1)
log(2, d + 1)
pow(d, 0.5)
sin(d)
atan2(d, 2)
cbrt(d)
factorial(i % 20)
greatest(i, 5, 7)
least(d, 5.0, i)
hypot(d, 3)
bin(id)
conv(CAST(i AS STRING), 10, 16)
i & 255
i << 2
bit_count(i)
pmod(i, 7)
width_bucket(d, 0, 100000, 10)
sign(d)
coalesce(NULLIF(i, 5), 7)
if(i > 100, s, w)
CASE WHEN i < 100 THEN 'a' WHEN i < 1000 THEN 'b' ELSE 'c' END
CASE w WHEN 'w1' THEN 1 WHEN 'w2' THEN 2 ELSE 3 END
w IN ('w1', 'w2', 'w3', 'w50')
i IN (1, 2, 3, 4)
i BETWEEN 5 AND 500
nvl2(s, w, s)
isnan(d)
size(a)
a[1]
array_contains(a, 3L)
array_distinct(a)
array_sort(a)
sort_array(a)
array_join(sa, ',')
array_max(a)
array_position(a, 2L)
array_remove(a, 2L)
array_union(a, array(1L, 9L))
array_intersect(a, array(1L, 9L))
array_except(a, array(1L, 9L))
arrays_overlap(a, array(1L, 9L))
arrays_zip(a, sa)
array_repeat(i, 3)
flatten(array(a, a))
slice(a, 1, 2)
concat(a, a)
reverse(a)
sequence(1, i % 5 + 1)
transform(a, x -> x + 1)
filter(a, x -> x > 2)
exists(a, x -> x > 2)
forall(a, x -> x > 2)
aggregate(a, 0L, (acc, x) -> acc + x)
zip_with(a, a, (x, y) -> x + y)
array_append(a, 5L)
array_prepend(a, 5L)
array_insert(a, 1, 5L)
array_compact(a)
element_at(a, 1)
element_at(mp, 'a')
mp['a']
map_keys(mp)
map_values(mp)
map_entries(mp)
map_concat(mp, map('c', 5L))
map_filter(mp, (k, v) -> v > 1)
transform_values(mp, (k, v) -> v + 1)
map_from_arrays(sa, a)
str_to_map(c, ',', 't')
st.p
named_struct('x', i, 'y', s)
struct(i, s)
to_json(st)
to_json(mp)
from_json(j, 'a INT, b STRUCT<c: STRING>, d ARRAY<INT>')
get_json_object(j, '$.b.c')
json_array_length('[1,2,3]')
json_object_keys(j)
schema_of_json('{"a":1}')
from_csv(c, 'a INT, b STRING, c DOUBLE')
to_csv(st)
uuid()
typeof(i)
monotonically_increasing_id()
try_add(i, 1)
try_divide(i, 0)
try_cast(s AS INT)
luhn_check(CAST(i AS STRING))
is_valid_utf8(s)
upper(un)
lower(un)
initcap(un)
""".strip().splitlines()


def seconds(command, call, rows):
    source = ", ".join("%s AS %s" % (e, n) for n, e in COLUMNS.items())
    start = time.monotonic()
    run = subprocess.run([command, "sql", "SELECT count(%s) FROM (SELECT %s FROM range(%d))" % (call, source, rows)], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit("%s: %s" % (call, run.stderr.strip()))
    return time.monotonic() - start


def main():
    p = argparse.ArgumentParser(prog="scripts/bench --functions", description=__doc__)
    p.add_argument("--rows", type=int, default=400000)
    p.add_argument("--top", type=int, default=60, help="how many are shown (60)")
    p.add_argument("--only", default="", help="calls that contain this")
    p.add_argument("--millrace", metavar="FILE", help="a built command instead of a fresh release build")
    o = p.parse_args()
    command = o.millrace or tools.build("")
    cost = {c: min(seconds(command, c, o.rows) for _ in range(2)) for c in COLUMNS}
    found = []
    for call in CALLS:
        if o.only not in call:
            continue
        used = set(re.findall(r"\b(%s)\b" % "|".join(COLUMNS), re.sub(r"'[^']*'", "", call))) or {"id"}
        base = cost["id"] + sum(cost[c] - cost["id"] for c in used)
        found.append(((seconds(command, call, o.rows) - base) / o.rows * 1e9, call))
    for nanoseconds, call in sorted(found, reverse=True)[:o.top]:
        print("%7.0f ns  %s" % (nanoseconds, call))


if __name__ == "__main__":
    main()
