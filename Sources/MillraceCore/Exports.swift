// What a connector author imports: the column types come along with the contracts.
@_exported public import MillraceColumnar
