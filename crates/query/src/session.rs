//! DataFusion without a world around it: no files, no URLs, no temporary disk, no network, no environment; only the view's tables.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Statistics, TableReference},
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileScanConfigBuilder, ParquetSource, parquet::metadata::DFParquetMetadata},
        source::DataSourceExec,
    },
    error::Result,
    execution::{
        SessionState, SessionStateBuilder, SessionStateDefaults,
        context::SessionConfig,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::GreedyMemoryPool,
        object_store::ObjectStoreUrl,
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::{Expr, TableProviderFilterPushDown},
    optimizer::Optimizer,
    physical_optimizer::optimizer::PhysicalOptimizer,
    physical_plan::ExecutionPlan,
};
use object_store::memory::InMemory;

use crate::{
    Limits, Table,
    sealed::{Opened, SealedReaders},
};

/// Where scans say their bytes are. The store there is empty: bytes come from [`SealedReaders`] alone.
const NOWHERE: &str = "sealed://nowhere";

/// Rewrites `count(DISTINCT x)` into two aggregates, of which the gate could see only one.
const LOGICAL_RULES_LEFT_OUT: [&str; 1] = ["single_distinct_aggregation_to_group_by"];

/// Answer from statistics instead of rows, or stop an aggregate before it has seen every row.
const PHYSICAL_RULES_LEFT_OUT: [&str; 4] =
    ["aggregate_statistics", "LimitedDistinctAggregation", "LimitAggregation", "WindowTopN"];

/// Plan size that a query without data is planned for.
const PLANNED_BYTES: u64 = 1 << 30;

/// A session that knows the view's tables. Functions are all there, so that a plan can name those that are then refused.
pub(crate) fn session(tables: &[(Table, Option<Opened>)], limits: Limits) -> Result<SessionState> {
    let memory_bytes = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()?;
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    runtime.register_object_store(ObjectStoreUrl::parse(NOWHERE)?.as_ref(), Arc::new(InMemory::new()));

    let mut config = SessionConfig::new()
        .with_target_partitions(usize::try_from(limits.threads.max(1)).unwrap_or(1))
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(true);
    config.options_mut().optimizer.skip_failed_rules = false;

    let mut logical = Optimizer::new().rules;
    logical.retain(|rule| !LOGICAL_RULES_LEFT_OUT.contains(&rule.name()));
    let mut physical = PhysicalOptimizer::new().rules;
    physical.retain(|rule| !PHYSICAL_RULES_LEFT_OUT.contains(&rule.name()));

    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(physical)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(SessionStateDefaults::default_scalar_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build();
    for (table, opened) in tables {
        let provider = SealedTable::new(table, opened.clone())?;
        let schema = state.schema_for_ref(TableReference::bare(table.name.as_str()))?;
        schema.register_table(table.name.clone(), Arc::new(provider))?;
    }
    Ok(state)
}

/// A table of the view. Without an opened file it can be planned over but not run.
#[derive(Debug)]
struct SealedTable {
    name: String,
    schema: SchemaRef,
    statistics: Option<Statistics>,
    size_bytes: u64,
    readers: Arc<SealedReaders>,
}

impl SealedTable {
    fn new(table: &Table, opened: Option<Opened>) -> Result<Self> {
        let schema = table.schema();
        let statistics = opened
            .as_ref()
            .map(|file| DFParquetMetadata::statistics_from_parquet_metadata(file.metadata(), &schema))
            .transpose()?;
        Ok(Self {
            name: table.name.clone(),
            schema,
            statistics,
            size_bytes: opened.as_ref().map_or(PLANNED_BYTES, Opened::size_bytes),
            readers: Arc::new(SealedReaders(opened)),
        })
    }
}

#[async_trait]
impl TableProvider for SealedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters prune row groups and pages; a filter node above still decides each row.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn statistics(&self) -> Option<Statistics> {
        self.statistics.clone()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let readers: Arc<SealedReaders> = Arc::clone(&self.readers);
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(readers);
        let mut file = PartitionedFile::new(self.name.clone(), self.size_bytes);
        let mut scan = FileScanConfigBuilder::new(ObjectStoreUrl::parse(NOWHERE)?, Arc::new(source));
        if let Some(statistics) = &self.statistics {
            file = file.with_statistics(Arc::new(statistics.clone()));
            scan = scan.with_statistics(statistics.clone());
        }
        let scan = scan.with_file(file).with_projection_indices(projection.cloned())?.build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
