{#- What is to be forecast: a hash of the deployed sources and what each declares. -#}
{% macro feature_scope() %}
    {%- set declarations = [] -%}
    {%- for name in var('sources') | sort -%}
        {%- do declarations.append(
            name ~ tojson(var('sources')[name] | sort) ~ tojson(declared(name), sort_keys=true)
        ) -%}
    {%- endfor -%}
    {{ return(local_md5(declarations | join('|'))) }}
{% endmacro %}

{#- Number of origins that are not to be built. -#}
{% macro origins_left_out(origins, to_build) %}
    {{ return(run_query(
        'select count(*) from ' ~ origins ~ ' where cutoff_on not in '
        ~ '(select cutoff_on from ' ~ to_build ~ ')'
    ).rows[0][0]) }}
{% endmacro %}

{#- Before a model by origin adds the rows of the origins to build: remove what it has of them, and
    of origins that are none any more. Runs in the transaction of the model, which comes after both
    tables it names: a ref here would have to be given in every unit test. A full refresh of such
    a model is only right when every origin is built again. -#}
{% macro forget_origins_to_build() %}
    {%- set origins = this.incorporate(path={'identifier': 'forecast_origins'}) -%}
    {%- set to_build = this.incorporate(path={'identifier': 'origins_to_build'}) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where
            cutoff_on in (select cutoff_on from {{ to_build }})
            or cutoff_on not in (select cutoff_on from {{ origins }})
    {%- elif flags.FULL_REFRESH and execute -%}
        {%- set left = origins_left_out(origins, to_build) -%}
        {%- if left > 0 -%}
            {{ exceptions.raise_compiler_error(
                this.identifier ~ ': expected a full refresh to build every origin again, found '
                ~ left ~ ' left out. Run dbt build --full-refresh without a selection.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Configuration of a feature model that keeps the rows of origins built before. -#}
{% macro by_origin() %}
    {{- config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_origins_to_build() }}",
    ) -}}
{% endmacro %}

{#- Before any feature is touched: an origin whose features are to be built has none, until
    features_built, which comes last, says so again. A build that dies on the way is seen by that.
    What is no origin any more has none either. -#}
{% macro forget_features_built() %}
    {%- set built = this.incorporate(path={'identifier': 'features_built'}) -%}
    {%- set origins = this.incorporate(path={'identifier': 'forecast_origins'}) -%}
    {%- if execute and load_relation(built) is not none -%}
        delete from {{ built }}
        where
            cutoff_on in (select cutoff_on from {{ this }})
            or cutoff_on not in (select cutoff_on from {{ origins }})
    {%- endif -%}
{% endmacro %}

{#- When every origin is to be built, as it is after any change of the SQL, no row of a feature model
    would stay: the models go, columns and all. features_built stays and is empty. -#}
{% macro drop_features_built_again() %}
    {%- if execute -%}
        {%- set origins = this.incorporate(path={'identifier': 'forecast_origins'}) -%}
        {%- if origins_left_out(origins, this) == 0 -%}
            {{ drop_incremental_models(['features'], 'features_built', 'features') }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- The latest cutoff and those of backtests, as a list of dates to stand in the text of a query: DuckDB
    pushes such a list down into the view of the frame, a sub-query not. -#}
{% macro feature_cutoffs_checked() %}
    {%- set cutoffs = [] -%}
    {%- set origins = ref('forecast_origins') -%}
    {%- if execute and load_relation(origins) is not none -%}
        {%- set found = run_query(
            'select cutoff_on from ' ~ origins
            ~ ' where is_latest or is_backtest_grid order by cutoff_on'
        ) -%}
        {%- for cutoff in found.columns[0].values() -%}
            {%- do cutoffs.append("date '" ~ cutoff ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(cutoffs | join(', ') or 'null') }}
{% endmacro %}
