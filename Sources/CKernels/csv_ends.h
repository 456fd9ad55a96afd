// Finds where fields end in lines whose quotes are as most writers set them: CK_VARIANT names what belongs to one instruction set. Its `marks`
// tells where 64 bytes have what means something, its `places` writes down which bits are set.

static csv_pass CK_VARIANT(csv_ends)(
    const ck_csv_plan *plan, const uint8_t *base, size_t from, size_t limit, csv_ends *ends) {
  const CK_VARIANT(needles) needles = CK_VARIANT(make_needles)(plan);
  csv_quoting quoting = {.after_end = 1};
  ends->places[0] = (uint32_t)from - 1;
  size_t count = 1, at = from;
  while (at <= limit && count <= CSV_ENDS) {
    csv_marks marks = CK_VARIANT(marks)(base + at, &needles);
    // The last line ends where the text does.
    if (limit - at < 64) marks = marks_before(marks, limit - at);
    uint64_t found;
    if (!take_marks(marks, &quoting, &found)) return (csv_pass){.count = count, .covered = at, .is_odd = 1};
    count += CK_VARIANT(places)(found, (uint32_t)at, ends->places + count);
    at += 64;
  }
  return (csv_pass){.count = count, .covered = at};
}
