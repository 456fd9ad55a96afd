"""Queries that nothing was tuned for, in Spark's SQL and, where it differs, DuckDB's.

Tables: e (JSON events, W2), o (CSV orders, W4), t (text, W3), l (lines of the access log, W1), c (the same, parsed), ads (ad_id, campaign_id).
Results are compared, so that each gives the same rows in any order; `loose` marks those that may differ: approximate, by the order of rows, or by
quotes inside of fields, which W4 doubles and Spark's defaults, that `millrace sql` has, escape.
"""
from collections import namedtuple

Query = namedtuple("Query", "name spark duckdb loose", defaults=(None, False))

WINDOWS = "SELECT count(*) AS n FROM (SELECT %s FROM e) WHERE %s"

QUERIES = [
    # Events: aggregates
    Query("count", "SELECT count(*) AS n FROM e"),
    Query("count-distinct", "SELECT count(DISTINCT user_id) AS n FROM e"),
    Query("count-distinct-groups", "SELECT ad_type, count(DISTINCT page_id) AS n FROM e GROUP BY ad_type"),
    Query("count-distinct-two", "SELECT geo.country, count(*) AS n, count(DISTINCT user_id) AS u, avg(latency_us) AS a, count(DISTINCT page_id) AS p FROM e GROUP BY geo.country"),
    Query("approx-distinct", "SELECT ad_type, approx_count_distinct(user_id) AS n FROM e GROUP BY ad_type", None, True),
    Query("percentile", "SELECT event_type, percentile(latency_us, 0.99) AS p FROM e GROUP BY event_type", "SELECT event_type, quantile_cont(latency_us, 0.99) AS p FROM e GROUP BY event_type"),
    Query("percentile-approx", "SELECT event_type, percentile_approx(latency_us, 0.99) AS p FROM e GROUP BY event_type", "SELECT event_type, approx_quantile(latency_us, 0.99) AS p FROM e GROUP BY event_type", True),
    Query("median-many", "SELECT page_id, median(latency_us) AS m FROM e GROUP BY page_id"),
    Query("statistics", "SELECT ad_type, stddev(latency_us) AS s, corr(latency_us, geo.lat) AS c FROM e GROUP BY ad_type"),
    Query("mode", "SELECT mode(geo.city) AS m FROM e"),
    Query("max-by", "SELECT ad_type, max_by(user_id, latency_us) AS u, min(ip) AS i FROM e GROUP BY ad_type"),
    Query("first-last", "SELECT page_id, first(user_id) AS f, last(user_id) AS l FROM e GROUP BY page_id", None, True),
    Query("sum-double", "SELECT geo.city, sum(geo.lat) AS s, avg(geo.lon) AS a FROM e GROUP BY geo.city"),
    Query("sum-double-many", "SELECT count(*) AS n FROM (SELECT user_id, sum(geo.lat) AS s FROM e GROUP BY user_id)"),
    Query("cube", "SELECT ad_type, event_type, geo.country AS country, count(*) AS n FROM e GROUP BY CUBE (ad_type, event_type, country)"),
    Query("pivot", "SELECT * FROM (SELECT geo.country AS country, event_type, latency_us FROM e) PIVOT (count(*) AS n, max(latency_us) AS a FOR event_type IN ('view', 'click'))",
          "SELECT geo.country, count(*) FILTER (event_type = 'view'), max(latency_us) FILTER (event_type = 'view'), count(*) FILTER (event_type = 'click'), max(latency_us) FILTER (event_type = 'click') FROM e GROUP BY 1"),
    Query("two-keys-many", "SELECT count(*) AS n FROM (SELECT page_id, ad_id, count(*) FROM e GROUP BY page_id, ad_id)"),
    Query("times-many", "SELECT count(*) AS n FROM (SELECT event_time, count(*) FROM e GROUP BY event_time)"),
    Query("distinct-rows", "SELECT count(*) AS n FROM (SELECT DISTINCT geo.country, geo.city, ad_type, event_type, latency_us FROM e)"),
    Query("collect-set", "SELECT count(*) AS n FROM (SELECT page_id, collect_set(ad_type) AS s FROM e GROUP BY page_id) WHERE size(s) > 2", "SELECT count(*) AS n FROM (SELECT page_id, list(DISTINCT ad_type) AS s FROM e GROUP BY page_id) WHERE len(s) > 2"),
    Query("collect-list", "SELECT sum(size(l)) AS n FROM (SELECT user_id, collect_list(event_type) AS l FROM e GROUP BY user_id)", "SELECT sum(len(l)) AS n FROM (SELECT user_id, list(event_type) AS l FROM e GROUP BY user_id)"),
    Query("listagg", "SELECT max(length(l)) AS n FROM (SELECT page_id, listagg(ad_type, ',') AS l FROM e GROUP BY page_id)", "SELECT max(length(l)) AS n FROM (SELECT page_id, string_agg(ad_type, ',') AS l FROM e GROUP BY page_id)"),
    # Events: expressions
    Query("like", "SELECT count(*) AS n FROM e WHERE q LIKE '%wux%' OR user_id LIKE '63%' OR ip LIKE '%.10'"),
    Query("split-first", "SELECT split(ip, '\\\\.')[0] AS a, count(*) AS n FROM e GROUP BY 1", "SELECT split_part(ip, '.', 1) AS a, count(*) AS n FROM e GROUP BY 1"),
    Query("substring-index", "SELECT substring_index(ip, '.', 2) AS a, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC, a LIMIT 50", "SELECT split_part(ip, '.', 1) || '.' || split_part(ip, '.', 2) AS a, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC, a LIMIT 50"),
    Query("time-parts", "SELECT hour(event_time) AS h, minute(event_time) AS m, count(*) AS n FROM e GROUP BY 1, 2"),
    Query("date-format", "SELECT date_format(event_time, 'yyyy-MM-dd HH:mm:ss') AS d, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC, d LIMIT 20", "SELECT strftime(event_time, '%Y-%m-%d %H:%M:%S') AS d, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC, d LIMIT 20"),
    Query("case", "SELECT CASE WHEN latency_us < 100 THEN 'fast' WHEN latency_us < 1000 THEN 'middle' ELSE 'slow' END AS c, count(*) AS n, avg(latency_us) AS a FROM e GROUP BY 1"),
    Query("upper-lower", "SELECT lower(concat(geo.city, '-', upper(ad_type))) AS k, count(*) AS n FROM e GROUP BY 1"),
    Query("regexp-replace", "SELECT regexp_replace(ip, '[0-9]+$', 'x') AS k, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC, k LIMIT 20"),
    Query("arithmetic", "SELECT sum(sqrt(latency_us) * ln(latency_us + 1) / pow(geo.lat * geo.lat + 1, 0.5)) AS s, max(abs(sin(geo.lon))) AS m FROM e"),
    Query("digests", "SELECT max(md5(user_id)) AS m, max(sha2(page_id, 256)) AS s FROM e", "SELECT max(md5(user_id)) AS m, max(sha256(page_id)) AS s FROM e"),
    Query("arrays", "SELECT count(*) AS n FROM e WHERE array_contains(tags, 'mo') AND size(tags) > 1", "SELECT count(*) AS n FROM e WHERE list_contains(tags, 'mo') AND len(tags) > 1"),
    Query("lambdas", "SELECT count(*) AS n FROM e WHERE exists(tags, t -> t LIKE 'm%') AND size(filter(tags, t -> length(t) > 2)) > 0", "SELECT count(*) AS n FROM e WHERE len(list_filter(tags, lambda t: t LIKE 'm%')) > 0 AND len(list_filter(tags, lambda t: length(t) > 2)) > 0"),
    Query("explode", "SELECT tag, count(*) AS n FROM e LATERAL VIEW explode(tags) AS tag GROUP BY tag", "SELECT tag, count(*) AS n FROM (SELECT unnest(tags) AS tag FROM e) GROUP BY tag"),
    # Events: order, windows, joins, sets
    Query("top", "SELECT user_id, latency_us FROM e ORDER BY latency_us DESC, user_id LIMIT 10"),
    Query("sort", "SELECT count(DISTINCT user_id) AS n FROM (SELECT user_id FROM e ORDER BY event_time, ip, user_id LIMIT 500000)"),
    Query("row-number", "SELECT sum(r) AS s FROM (SELECT latency_us, row_number() OVER (ORDER BY latency_us, user_id) AS r FROM e) WHERE latency_us > 5000"),
    Query("lag", WINDOWS % ("lag(event_time) OVER (PARTITION BY user_id ORDER BY event_time) AS p", "p IS NOT NULL")),
    Query("rank", WINDOWS % ("rank() OVER (PARTITION BY page_id ORDER BY latency_us DESC) AS r", "r <= 3")),
    Query("average-over", WINDOWS % ("latency_us, avg(latency_us) OVER (PARTITION BY page_id) AS a", "latency_us > a")),
    Query("running-sum", "SELECT count(s) AS n FROM (SELECT sum(latency_us) OVER (PARTITION BY ad_type ORDER BY event_time ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS s FROM e)"),
    Query("time-windows", "SELECT date_format(window.start, 'HH:mm') AS w, ad_type, count(*) AS n FROM e GROUP BY window(event_time, '1 minute'), ad_type", "SELECT strftime(time_bucket(INTERVAL '1 minute', event_time), '%H:%M') AS w, ad_type, count(*) AS n FROM e GROUP BY 1, 2"),
    Query("join", "SELECT a.campaign_id, count(*) AS n, avg(latency_us) AS a FROM e JOIN ads a ON e.ad_id = a.ad_id GROUP BY a.campaign_id"),
    Query("left-join", "SELECT count(*) AS n, count(a.campaign_id) AS m FROM e LEFT JOIN ads a ON e.page_id = a.ad_id"),
    Query("anti-join", "SELECT count(*) AS n FROM e LEFT ANTI JOIN ads ON e.ad_id = ads.ad_id", "SELECT count(*) AS n FROM e ANTI JOIN ads USING (ad_id)"),
    Query("join-groups", "SELECT count(*) AS n FROM (SELECT user_id, min(latency_us) AS a FROM e GROUP BY user_id) x JOIN (SELECT user_id, max(latency_us) AS b FROM e GROUP BY user_id) y ON x.user_id = y.user_id WHERE a <> b"),
    Query("in-subquery", "SELECT count(*) AS n FROM e WHERE user_id IN (SELECT user_id FROM e WHERE latency_us > 5000)"),
    Query("scalar-subquery", "SELECT count(*) AS n FROM e WHERE latency_us > (SELECT avg(latency_us) FROM e)"),
    Query("union", "SELECT count(*) AS n FROM (SELECT user_id AS id FROM e UNION SELECT page_id FROM e)"),
    Query("intersect", "SELECT count(*) AS n FROM (SELECT user_id FROM e WHERE event_type = 'click' INTERSECT SELECT user_id FROM e WHERE event_type = 'view')"),
    # Orders
    Query("csv-count", "SELECT count(*) AS n, count(note) AS m FROM o", None, True),
    Query("csv-decimals", "SELECT country, sum(price * quantity) AS s, max(price) AS m FROM o GROUP BY country"),
    Query("csv-case-decimals", "SELECT category, sum(CASE WHEN length(coupon) > 2 THEN price * quantity * 0.9 ELSE price * quantity END) AS r FROM o GROUP BY category"),
    Query("csv-dates", "SELECT year(ordered_at) AS y, dayofweek(ordered_at) AS d, count(*) AS n, sum(quantity) AS q FROM o GROUP BY 1, 2", "SELECT year(ordered_at) AS y, dayofweek(ordered_at) + 1 AS d, count(*) AS n, sum(quantity) AS q FROM o GROUP BY 1, 2"),
    Query("csv-hours", "SELECT date_format(ordered_at, 'yyyy-MM-dd HH') AS h, count(*) AS n FROM o GROUP BY 1", "SELECT strftime(ordered_at, '%Y-%m-%d %H') AS h, count(*) AS n FROM o GROUP BY 1"),
    Query("csv-customers", "SELECT customer, sum(price) AS s FROM o GROUP BY customer ORDER BY s DESC, customer LIMIT 5"),
    Query("csv-pairs", "SELECT count(*) AS n FROM (SELECT customer, product, sum(quantity) FROM o GROUP BY customer, product)"),
    Query("csv-first-word", "SELECT upper(split(product, ' ')[0]) AS p, count(*) AS n FROM o GROUP BY 1", "SELECT upper(split_part(product, ' ', 1)) AS p, count(*) AS n FROM o GROUP BY 1", True),
    Query("csv-like", "SELECT count(*) AS n FROM o WHERE note LIKE '%a_e%' AND length(product) > 20", None, True),
    # Text and access log
    Query("line-lengths", "SELECT length(value) AS n, count(*) AS c FROM t GROUP BY 1"),
    Query("line-prefixes", "SELECT count(*) AS n FROM t WHERE value LIKE 'a%' OR value LIKE '%z'"),
    Query("line-regexp", "SELECT count(*) AS n FROM t WHERE value RLIKE '(foo|bar|jed)[a-z]+ m'", "SELECT count(*) AS n FROM t WHERE regexp_matches(value, '(foo|bar|jed)[a-z]+ m')"),
    Query("lines-distinct", "SELECT count(DISTINCT value) AS n FROM t"),
    Query("words-long", "SELECT w, count(*) AS n FROM (SELECT explode(split(lower(value), ' ')) AS w FROM t) WHERE length(w) > 7 GROUP BY w ORDER BY n DESC, w LIMIT 20", "SELECT w, count(*) AS n FROM (SELECT unnest(string_split(lower(value), ' ')) AS w FROM t) WHERE length(w) > 7 GROUP BY w ORDER BY n DESC, w LIMIT 20"),
    Query("word-lengths", "SELECT length(w) AS n, count(*) AS c FROM (SELECT explode(split(value, ' ')) AS w FROM t) GROUP BY 1", "SELECT length(w) AS n, count(*) AS c FROM (SELECT unnest(string_split(value, ' ')) AS w FROM t) GROUP BY 1"),
    Query("word-beginnings", "SELECT substring(w, 1, 2) AS b, count(*) AS c FROM (SELECT explode(split(value, ' ')) AS w FROM t) GROUP BY 1", "SELECT substring(w, 1, 2) AS b, count(*) AS c FROM (SELECT unnest(string_split(value, ' ')) AS w FROM t) GROUP BY 1"),
    Query("grep", "SELECT count(*) AS n FROM l WHERE value LIKE '%/nesu%' AND value RLIKE ' 50[0-9] '", "SELECT count(*) AS n FROM l WHERE value LIKE '%/nesu%' AND regexp_matches(value, ' 50[0-9] ')"),
    Query("fields-by-regexp", "SELECT regexp_extract(value, '\"([A-Z]+) ', 1) AS m, regexp_extract(value, 'HTTP/([0-9.]+)', 1) AS v, count(*) AS n FROM l GROUP BY 1, 2"),
    Query("field-by-split", "SELECT split(value, ' ')[8] AS s, count(*) AS n FROM l GROUP BY 1", "SELECT split_part(value, ' ', 9) AS s, count(*) AS n FROM l GROUP BY 1"),
    Query("hosts", "SELECT host, count(*) AS n FROM c GROUP BY host ORDER BY n DESC, host LIMIT 10"),
    Query("paths", "SELECT target, count(*) AS n, sum(bytes) AS b FROM c GROUP BY target ORDER BY n DESC, target LIMIT 10"),
    Query("browsers", "SELECT CASE WHEN user_agent LIKE '%Firefox%' THEN 'f' WHEN user_agent LIKE '%Chrome%' THEN 'c' WHEN user_agent LIKE '%bot%' THEN 'b' ELSE 'x' END AS k, count(*) AS n FROM c GROUP BY 1"),
    Query("referer-hosts", "SELECT parse_url(referer, 'HOST') AS h, count(*) AS n FROM c GROUP BY 1 ORDER BY n DESC, h LIMIT 5", "SELECT nullif(regexp_extract(referer, '^https?://([^/]+)', 1), '') AS h, count(*) AS n FROM c GROUP BY 1 ORDER BY n DESC, h NULLS FIRST LIMIT 5"),
    Query("errors-by-hour", "SELECT hour(time) AS h, status, count(*) AS n FROM c WHERE status >= 500 GROUP BY 1, 2"),
]
