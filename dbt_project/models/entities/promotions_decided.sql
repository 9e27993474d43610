{{ config(
    materialized='incremental',
    unique_key=['file_id', 'row_number', 'promotion_kind'],
    incremental_strategy='delete+insert',
    on_schema_change='fail',
    pre_hook="{{ forget_files_to_load('promotions') }}",
) }}

with rows_of_sources as (

    select * from {{ ref('promotions_typed') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

files as (

    select * from {{ source('state', 'landing_files') }}

),

new_rows as (

    -- a plan is known its declared number of days before it starts, or when its file is
    select
        rows_of_sources.source,
        rows_of_sources.file_id,
        rows_of_sources.row_number,
        rows_of_sources.product_id,
        rows_of_sources.store_id,
        rows_of_sources.promotion_kind,
        rows_of_sources.share,
        rows_of_sources.starts_on,
        rows_of_sources.ends_on,
        least(
            rows_of_sources.known_on,
            {{ add_days('rows_of_sources.starts_on', '-rules.promotions_known_ahead_days') }}
        ) as known_on,
        case
            when rows_of_sources.product_id is null then 'missing_product_id'
            when rows_of_sources.promotion_kind is null then 'missing_promotion_kind'
            when rows_of_sources.starts_on is null then 'missing_starts_on'
            when rows_of_sources.ends_on is null then 'missing_ends_on'
            when rows_of_sources.starts_on > rows_of_sources.ends_on then 'ends_before_it_starts'
            when coalesce(rows_of_sources.share not between 0 and 1, true)
                then 'implausible_share'
        end as reason_code
    from rows_of_sources
    inner join rules on rows_of_sources.source = rules.source

),

all_rows as (

    select * from new_rows
    {%- if is_incremental() %}
    union all
    -- what earlier loads said of the same products and days is decided again
    select
        earlier.source,
        earlier.file_id,
        earlier.row_number,
        earlier.product_id,
        earlier.store_id,
        earlier.promotion_kind,
        earlier.share,
        earlier.starts_on,
        earlier.ends_on,
        earlier.known_on,
        earlier.reason_code
    from {{ this }} as earlier
    semi join new_rows
        on
            earlier.source = new_rows.source
            and earlier.product_id = new_rows.product_id
            and earlier.starts_on = new_rows.starts_on
    {%- endif %}

),

decided as (

    -- the first word about a promotion counts, so that a past cutoff always sees what it saw
    select
        all_rows.*,
        row_number() over (
            partition by
                all_rows.source,
                all_rows.product_id,
                all_rows.store_id,
                all_rows.promotion_kind,
                all_rows.starts_on,
                all_rows.ends_on,
                all_rows.reason_code is null
            order by all_rows.known_on, files.path, all_rows.row_number
        ) = 1 as is_first
    from all_rows
    inner join files on all_rows.file_id = files.file_id

)

select * from decided
