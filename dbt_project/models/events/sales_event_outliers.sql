{{ config(materialized='view') }}

-- Quantities far from what is usual for the product in the store. They inform and delete nothing.
-- Medians are taken over counts of equal quantities: exact, the same for any number of threads, and
-- in one pass.
with lines as (

    select * from {{ ref('sales_events_accepted') }}
    where is_demand and quantity > 0

),

quantity_counts as (

    select
        source,
        product_id,
        store_id,
        quantity,
        count(*) as lines
    from lines
    group by 1, 2, 3, 4

),

medians as (

    {{ weighted_median(
        'quantity_counts', ['source', 'product_id', 'store_id'], 'quantity', 'lines'
    ) }}

),

deviation_counts as (

    select
        quantity_counts.source,
        quantity_counts.product_id,
        quantity_counts.store_id,
        abs(quantity_counts.quantity - medians.median) as deviation,
        quantity_counts.lines
    from quantity_counts
    inner join medians
        on
            quantity_counts.source = medians.source
            and quantity_counts.product_id = medians.product_id
            and quantity_counts.store_id = medians.store_id

),

deviation_medians as (

    {{ weighted_median(
        'deviation_counts', ['source', 'product_id', 'store_id'], 'deviation', 'lines'
    ) }}

),

limits as (

    -- ten robust standard deviations (1.4826 times the median deviation), and ten times the median
    select
        medians.source,
        medians.product_id,
        medians.store_id,
        medians.median as usual_quantity,
        greatest(
            medians.median + cast(14.826 as decimal(5, 3)) * deviation_medians.median,
            10 * medians.median
        ) as highest_usual_quantity
    from medians
    inner join deviation_medians
        on
            medians.source = deviation_medians.source
            and medians.product_id = deviation_medians.product_id
            and medians.store_id = deviation_medians.store_id

),

outliers as (

    select
        lines.source,
        lines.event_id,
        lines.store_id,
        lines.product_id,
        lines.quantity,
        lines.sold_on,
        lines.file_id,
        lines.row_number,
        limits.usual_quantity,
        limits.highest_usual_quantity
    from lines
    inner join limits
        on
            lines.source = limits.source
            and lines.product_id = limits.product_id
            and lines.store_id = limits.store_id
    where lines.quantity > limits.highest_usual_quantity

)

select * from outliers
