with lines as (

    select * from {{ ref('sales_events_typed') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

checked as (

    -- the first rule that a line breaks is its reason
    select
        lines.*,
        rules.corrections,
        case
            when lines.unparsed_line is not null then 'unparsable_line'
            when lines.unparsable_column is not null
                then 'unparsable_' || lines.unparsable_column
            when lines.sold_at is null then 'missing_sold_at'
            when lines.store_id is null then 'missing_store_id'
            when lines.product_id is null then 'missing_product_id'
            when lines.quantity is null then 'missing_quantity'
            when lines.sold_on > lines.known_on then 'sold_after_file_date'
            when lines.sold_on < rules.starts_on then 'sold_before_source_start'
            when lines.quantity not between rules.lowest_quantity and rules.highest_quantity
                then 'implausible_quantity'
            when
                lines.unit_price not between rules.lowest_unit_price and rules.highest_unit_price
                then 'implausible_unit_price'
        end as reason_code
    from lines
    inner join rules on lines.source = rules.source

),

identified as (

    -- an absent event id follows from the line; where whole days are restated, an event is one of
    -- its day
    select
        *,
        coalesce(event_id, {{ line_digest() }}) as own_event_id,
        case
            when corrections = 'whole_day' then store_id || '/' || cast(sold_on as varchar)
        end as restated_day
    from checked

),

keyed as (

    select
        ---------- line
        file_id,
        row_number,
        known_on,

        ---------- ids
        source,
        coalesce(restated_day || '/' || own_event_id, own_event_id) as event_id,
        restated_day,
        store_id,
        product_id,
        customer_key,

        ---------- text
        currency,
        corrections,
        reason_code,

        ---------- numerics
        quantity,
        unit_price,
        net_amount,

        ---------- booleans
        is_demand,

        ---------- timestamps
        sold_at,
        sold_on
    from identified

)

select * from keyed
