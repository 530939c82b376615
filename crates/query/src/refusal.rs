//! Why a query was refused. Exhaustive: a new reason breaks every consumer at compile time.
//!
//! Variants marked *data* depend on sealed data. They carry names and thresholds from the contract and nothing else.

use thiserror::Error;

/// Why a query does not run, or its result does not leave.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum QueryRefusal {
    /// An aggregate function that isn't listed.
    #[error("aggregate `{function}` isn't allowed")]
    AggregateNotListed {
        /// The function's name.
        function: String,
    },
    /// An aggregate's argument is more than one column, scaled and shifted by constants.
    #[error("the argument `{argument}` of `{function}` isn't allowed: {why}")]
    AggregateArgument {
        /// The aggregate function.
        function: String,
        /// Its argument, as planned.
        argument: String,
        /// What is wrong with it.
        why: String,
    },
    /// FILTER, ORDER BY, DISTINCT or NULL treatment in an aggregate.
    #[error("`{modifier}` inside the aggregate `{function}` isn't allowed")]
    AggregateModifier {
        /// The aggregate function.
        function: String,
        /// The clause.
        modifier: String,
    },
    /// A table of the view contradicts itself.
    #[error("table `{table}` can't be used: {faults}")]
    BadTable {
        /// The table.
        table: String,
        /// All that is wrong with it.
        faults: String,
    },
    /// *Data.* Some number in the result would stand on too few entities.
    #[error("a number would stand on fewer than {min_entities} entities of `{table}`")]
    BelowMinimum {
        /// The table whose gate refuses.
        table: String,
        /// Its threshold.
        min_entities: u32,
    },
    /// A conversion that can fail on, or hide, values.
    #[error("converting `{from}` to `{to}` isn't allowed here")]
    CastNotListed {
        /// The type before.
        from: String,
        /// The type after.
        to: String,
    },
    /// The entity column is used for something other than joining and `count(distinct …)`.
    #[error("the entity column `{column}` is used in {place}")]
    EntityUse {
        /// The column, with its table.
        column: String,
        /// Where.
        place: String,
    },
    /// *Data.* Execution failed. The cause may tell values, so it stays inside.
    #[error("the query failed while it ran")]
    Execution,
    /// An expression that isn't listed at this place.
    #[error("`{expression}` isn't allowed in {place}")]
    ExpressionNotListed {
        /// What kind of expression.
        expression: String,
        /// Where.
        place: String,
    },
    /// A function that isn't listed.
    #[error("function `{function}` isn't allowed")]
    FunctionNotListed {
        /// The function's name.
        function: String,
    },
    /// A join other than inner, left, right or full on equal columns.
    #[error("this join isn't allowed: {why}")]
    JoinNotListed {
        /// What is wrong with it.
        why: String,
    },
    /// *Data.* The query needs more memory than the manifest allows.
    #[error("the query needs more than {memory_bytes} bytes of memory")]
    MemoryLimit {
        /// The limit.
        memory_bytes: u64,
    },
    /// Rows would leave without being aggregated.
    #[error("rows would leave as they are: there is no aggregate")]
    NoAggregate,
    /// A node of the logical plan that isn't listed.
    #[error("`{node}` isn't allowed {place}")]
    NodeNotListed {
        /// The plan node.
        node: String,
        /// At which level of the query.
        place: String,
    },
    /// Not exactly one statement.
    #[error("{found} statements where one belongs")]
    NotOneStatement {
        /// How many there are.
        found: usize,
    },
    /// The physical plan has no check right above its aggregate, or more than one.
    #[error("the plan to be executed lacks its gate: {why}")]
    PhysicalGateMissing {
        /// What was found.
        why: String,
    },
    /// A node or expression of the physical plan that isn't listed.
    #[error("`{node}` isn't allowed in the plan to be executed")]
    PhysicalNotListed {
        /// The node or expression.
        node: String,
    },
    /// A name that starts with `__casemate`.
    #[error("the name `{name}` is reserved")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// A sealed file isn't what the contract says, or can't be opened.
    #[error("the sealed file of `{table}` is refused: {fault}")]
    SealedFile {
        /// The table.
        table: String,
        /// What is wrong with the file.
        fault: SealedFault,
    },
    /// A second aggregate, over or beside the first.
    #[error("there is more than one aggregate")]
    SecondAggregate,
    /// Something other than a SELECT.
    #[error("`{statement}` isn't a query")]
    StatementNotListed {
        /// What it is.
        statement: String,
    },
    /// The text isn't SQL.
    #[error("the query can't be read: {message}")]
    Syntax {
        /// The parser's message; it quotes the query's text, never data.
        message: String,
    },
    /// One table is read twice.
    #[error("table `{table}` is read more than once")]
    TableReadTwice {
        /// The table.
        table: String,
    },
    /// *Data.* The result has more bytes than a gate allows.
    #[error("the result has more than {max_bytes} bytes")]
    TooManyBytes {
        /// The table whose gate refuses.
        table: String,
        /// Its limit.
        max_bytes: u64,
    },
    /// *Data.* The result has more rows than a gate allows.
    #[error("the result has more than {max_rows} rows")]
    TooManyRows {
        /// The table whose gate refuses.
        table: String,
        /// Its limit.
        max_rows: u64,
    },
    /// A column that isn't in the view.
    #[error("there is no column `{column}`")]
    UnknownColumn {
        /// The column as written.
        column: String,
    },
    /// A table that isn't in the view.
    #[error("there is no table `{table}`")]
    UnknownTable {
        /// The table as written.
        table: String,
    },
    /// The query doesn't make sense over the view's types.
    #[error("the query can't be planned: {message}")]
    Unplannable {
        /// The planner's message, made without data.
        message: String,
    },
}

/// What is wrong with a sealed file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SealedFault {
    /// A column isn't encrypted with the file's one key.
    #[error("column `{column}` isn't encrypted with the file's key")]
    ColumnNotSealed {
        /// The column.
        column: String,
    },
    /// A column of the contract isn't in the file.
    #[error("column `{column}` is missing")]
    ColumnMissing {
        /// The column.
        column: String,
    },
    /// A column has another type than the contract says.
    #[error("column `{column}` is `{actual}`, not `{expected}`")]
    ColumnType {
        /// The column.
        column: String,
        /// The contract's type.
        expected: String,
        /// The file's type.
        actual: String,
    },
    /// AES-GCM-CTR, which doesn't authenticate pages.
    #[error("it uses another algorithm than AES-GCM")]
    NotAesGcm,
    /// Not Parquet, or cut short.
    #[error("it is not a whole Parquet file")]
    NotParquet,
    /// It has no rows.
    #[error("it has no rows")]
    NoRows,
    /// It can't be read.
    #[error("it can't be read")]
    Unreadable,
    /// The footer is in the clear.
    #[error("its footer isn't encrypted")]
    PlaintextFooter,
    /// The footer doesn't open: another key, or another dataset or version, or altered bytes.
    #[error("it doesn't open with this key for this dataset and version")]
    WrongKeyOrVersion,
}

impl QueryRefusal {
    /// The refusal as (rule, expected, actual, remedy), the form in which every refusal of Casemate travels. Rules are stable
    /// kebab-case names.
    #[must_use]
    pub fn reason(&self) -> (String, String, String, String) {
        let (rule, expected, remedy) = self.rule();
        (rule.to_owned(), expected, self.to_string(), remedy.to_owned())
    }

    /// Whether the refusal depends on sealed data rather than on the query and the contract.
    #[must_use]
    pub const fn depends_on_data(&self) -> bool {
        matches!(
            self,
            Self::BelowMinimum { .. }
                | Self::Execution
                | Self::MemoryLimit { .. }
                | Self::TooManyBytes { .. }
                | Self::TooManyRows { .. }
        )
    }

    fn rule(&self) -> (&'static str, String, &'static str) {
        match self {
            Self::BelowMinimum { table, min_entities } => (
                "min-entities",
                format!("at least {min_entities} distinct entities of `{table}` behind every number"),
                "group more coarsely, filter less, or leave out columns that few rows have",
            ),
            Self::TooManyBytes { table, max_bytes } => {
                ("max-bytes", format!("at most {max_bytes} bytes, says `{table}`"), "select fewer rows or columns")
            }
            Self::TooManyRows { table, max_rows } => {
                ("max-rows", format!("at most {max_rows} rows, says `{table}`"), "group more coarsely or add LIMIT")
            }
            Self::MemoryLimit { memory_bytes } => (
                "memory-limit",
                format!("at most {memory_bytes} bytes"),
                "raise the contract's memory limit, or join and group less",
            ),
            _ => {
                let (rule, expected, remedy) = self.static_rule();
                (rule, expected.to_owned(), remedy)
            }
        }
    }

    #[rustfmt::skip]
    fn static_rule(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::AggregateNotListed { .. } => ("aggregate-not-listed", "count, count(distinct entity), sum, avg, stddev, var",
                "use a listed aggregate: others show or isolate one person's value"),
            Self::AggregateArgument { .. } => ("aggregate-argument", "one column, scaled and shifted by constants",
                "let the owner add the value as a column before sealing, or compute it from aggregates"),
            Self::AggregateModifier { .. } => ("aggregate-modifier", "an aggregate over all rows of its group",
                "use WHERE or GROUP BY, which the gate sees"),
            Self::BadTable { .. } => ("bad-table", "a view with plain names, an entity column and a minimum",
                "correct the dataset in the contract"),
            Self::BelowMinimum { .. } | Self::MemoryLimit { .. } | Self::TooManyBytes { .. } | Self::TooManyRows { .. } =>
                ("gate", "the gate's threshold", "see the gate"),
            Self::CastNotListed { .. } => ("cast-not-listed", "integers to float64, dates to timestamps",
                "seal the column with the type the query needs"),
            Self::EntityUse { .. } => ("entity-use", "the entity column in join conditions and count(distinct …) only",
                "leave the entity column out"),
            Self::Execution => ("execution", "a query that runs to its end",
                "try the query on made-up data of the same schema; the cause is not shown because it may tell values"),
            Self::ExpressionNotListed { .. } => ("expression-not-listed", "listed expressions only", "see docs/gates.md for the list"),
            Self::FunctionNotListed { .. } => ("function-not-listed", "listed functions only", "see docs/gates.md for the list"),
            Self::JoinNotListed { .. } => ("join-not-listed", "INNER, LEFT, RIGHT or FULL JOIN … ON a.x = b.y",
                "join on equal columns; put other conditions into WHERE"),
            Self::NoAggregate => ("no-aggregate", "aggregates only", "use count, sum or avg, with or without GROUP BY"),
            Self::NodeNotListed { .. } => ("node-not-listed", "SELECT … FROM … JOIN … WHERE … GROUP BY … HAVING … ORDER BY … LIMIT",
                "see docs/gates.md for the list"),
            Self::NotOneStatement { .. } => ("one-statement", "one statement", "put each query into a computation of its own"),
            Self::PhysicalGateMissing { .. } => ("physical-gate", "one check right above the final aggregate",
                "report this: the planner moved a gate"),
            Self::PhysicalNotListed { .. } => ("physical-not-listed", "listed physical nodes only", "write the query more simply"),
            Self::ReservedName { .. } => ("reserved-name", "names that don't start with `__casemate`", "choose another name"),
            Self::SealedFile { .. } => ("sealed-file", "a Parquet file sealed for this dataset and version, with the contract's columns",
                "let the owner seal the dataset again and sign the new version"),
            Self::SecondAggregate => ("one-aggregate", "one aggregate between rows and result",
                "compute from the first aggregate's columns instead"),
            Self::StatementNotListed { .. } => ("statement-not-listed", "SELECT", "write one SELECT"),
            Self::Syntax { .. } => ("syntax", "SQL", "correct the query"),
            Self::TableReadTwice { .. } => ("table-read-once", "each table at most once",
                "read the table once: two readings with different filters tell one person apart"),
            Self::UnknownColumn { .. } => ("unknown-column", "columns of the computation's view",
                "add the column to the computation's view in the contract"),
            Self::UnknownTable { .. } => ("unknown-table", "tables of the computation's view",
                "add the dataset to the computation in the contract"),
            Self::Unplannable { .. } => ("unplannable", "a query that fits the view's columns and types", "correct the query"),
        }
    }
}
